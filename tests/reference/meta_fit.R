# Reference values for waistats.meta: metafor's rma.uni at its tightest tolerance.
# Rscript tests/reference/meta_fit.R writes tests/reference/meta_fit.json
suppressMessages({library(metafor); library(jsonlite)})
ctrl <- list(threshold = 1e-12, maxiter = 100000, tol = 1e-14, tau2.max = 1e6)
methods <- c("EE", "DL", "HE", "HS", "HSk", "SJ", "ML", "REML", "EB", "PM", "PMM")

bcg <- escalc(measure = "RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)
bangert <- subset(dat.bangertdrowns2004, !is.na(length) & !is.na(wic))
cesd <- escalc(measure = "ABT", ai = ai, mi = mi, ni = ni, data = dat.bonett2010)
sets <- list(
  cesd = list(y = cesd$yi, v = cesd$vi, x = cesd$ni),
  bcg = list(y = bcg$yi, v = bcg$vi, x = bcg$ablat, g = bcg$alloc),
  bangertdrowns = list(y = bangert$yi, v = bangert$vi, x = bangert$length,
                       g = c("no", "yes")[bangert$wic + 1]),
  two = list(y = c(1.2, 2.1), v = c(0.04, 0.09)),
  equal_vi = list(y = c(0.2, 0.5, 0.9, 1.4, 1.1), v = rep(0.05, 5), x = c(1, 2, 3, 4, 6)),
  tau2_zero = list(y = c(1.00, 1.02, 0.98, 1.01, 0.99, 1.03), v = c(.2, .1, .3, .15, .25, .1),
                   x = c(3, 1, 2, 5, 4, 9)),
  perfect = list(y = c(1, 2, 3, 4, 5), v = c(.1, .2, .1, .3, .2), x = c(1, 2, 3, 4, 5)),
  imbalance = list(y = c(1.1, 2.4, 0.7, 1.9, 3.0, 1.0, 2.2), x = c(1, 3, 1, 2, 5, 1, 2),
                   v = c(1e-6, 0.5, 0.02, 4, 0.9, 1e-4, 0.3))
)
one <- function(y, v, X, method, test) {
  args <- list(yi = y, vi = v, method = method, test = test, control = ctrl)
  if (!is.null(X)) args$mods <- X
  fit <- suppressWarnings(try(do.call(rma, args), silent = TRUE))
  if (inherits(fit, "try-error")) return(NULL)
  list(b = c(fit$b), se = fit$se, pval = fit$pval, ci.lb = fit$ci.lb, ci.ub = fit$ci.ub,
       tau2 = fit$tau2, se.tau2 = fit$se.tau2, I2 = fit$I2, H2 = fit$H2, QE = fit$QE,
       QEp = fit$QEp, QM = fit$QM, QMp = fit$QMp,
       R2 = if (is.null(fit$R2)) NA else fit$R2,
       ll.ML = c(fit$fit.stats["ll", "ML"]), ll.REML = c(fit$fit.stats["ll", "REML"]),
       aic = fit$fit.stats["AIC", if (method == "REML") "REML" else "ML"],
       bic = fit$fit.stats["BIC", if (method == "REML") "REML" else "ML"],
       aicc = fit$fit.stats["AICc", if (method == "REML") "REML" else "ML"])
}
cases <- list()
for (name in names(sets)) for (method in methods) for (test in c("z", "knha")) {
  s <- sets[[name]]
  for (model in c("mean", "x", "g")) {
    X <- NULL
    if (model == "x") { if (is.null(s$x)) next; X <- cbind(x = s$x) }
    if (model == "g") { if (is.null(s$g)) next; X <- model.matrix(~ g, s)[, -1, drop = FALSE] }
    fit <- one(s$y, s$v, X, method, test)
    if (is.null(fit)) next
    cases[[length(cases) + 1]] <- c(list(data = name, method = method, test = test,
                                         model = model), fit)
  }
}
extra <- list()
fit <- rma(cesd$yi, cesd$vi, test = "knha", control = ctrl)
extra$adhoc <- one(sets$tau2_zero$y, sets$tau2_zero$v, NULL, "REML", "adhoc")
extra$predict <- unclass(predict(fit))[c("pred", "se", "ci.lb", "ci.ub", "pi.lb", "pi.ub")]
fitx <- rma(bcg$yi, bcg$vi, mods = ~ bcg$ablat + bcg$alloc, test = "knha", control = ctrl)
px <- predict(fitx, newmods = rbind(c(30, 0, 1), c(50, 1, 0)))
extra$predict_mods <- unclass(px)[c("pred", "se", "ci.lb", "ci.ub", "pi.lb", "pi.ub")]
extra$vif <- vif(fitx)$vif
extra$anova_alloc <- anova(fitx, btt = 3:4)[c("QM", "QMp")]
ml1 <- rma(bcg$yi, bcg$vi, mods = ~ bcg$ablat, method = "ML", control = ctrl)
ml0 <- rma(bcg$yi, bcg$vi, method = "ML", control = ctrl)
extra$lrt <- anova(ml1, ml0)[c("LRT", "pval")]
for (s in names(sets)) {
  if (s == "perfect") next
  f <- rma(sets[[s]]$y, sets[[s]]$v, control = ctrl)
  ci <- suppressWarnings(confint(f, control = list(tol = 1e-14, tau2.max = 1e6)))$random
  extra$qprofile[[s]] <- list(ci.lb = ci[, "ci.lb"], ci.ub = ci[, "ci.ub"])
}
w <- rma(bcg$yi, bcg$vi, weights = bcg$tpos + 1, control = ctrl, test = "knha")
u <- rma(bcg$yi, bcg$vi, weighted = FALSE, control = ctrl)
extra$weights <- list(values = bcg$tpos + 1, b = c(w$b), se = w$se, tau2 = w$tau2)
extra$unweighted <- list(b = c(u$b), se = u$se)
mibs <- read.csv("data/mibs_demir2022.csv")
m <- escalc(measure = "ABT", ai = estimate, mi = n_items, ni = n, data = mibs)
f <- rma(m$yi, m$vi, control = ctrl)
extra$mibs <- list(b = c(f$b), se = f$se, tau2 = f$tau2, I2 = f$I2, QE = f$QE)
out <- list(
  source = list(R = R.version.string, metafor = as.character(packageVersion("metafor")),
                metadat = as.character(packageVersion("metadat")),
                call = "rma(yi, vi, mods = X, method, test, control = list(threshold = 1e-12))"),
  data = sets, cases = cases, extra = extra)
write_json(out, "tests/reference/meta_fit.json", digits = 17, auto_unbox = TRUE, na = "null")
cat(length(cases), "cases\n")
