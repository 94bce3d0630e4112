# Reference values for location-scale models and permutation tests: metafor.
# Rscript tests/reference/models_metafor.R writes tests/reference/models_metafor.json
suppressMessages({library(metafor); library(metadat); library(jsonlite)})
ctrl <- list(optimizer = "nlminb", rel.tol = 1e-10, iter.max = 10000, eval.max = 10000,
             hessianCtrl = list(r = 8))
bangert <- subset(dat.bangertdrowns2004, !is.na(length) & !is.na(wic))
bcg <- escalc(measure = "RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)
mibs <- read.csv("data/mibs_demir2022.csv")
mibs <- escalc(measure = "ABT", ai = estimate, mi = n_items, ni = n, data = mibs)
cesd <- escalc(measure = "ABT", ai = ai, mi = mi, ni = ni, data = dat.bonett2010)
sets <- list(
  bangert = data.frame(yi = c(bangert$yi), vi = c(bangert$vi), x = bangert$length,
                       z = bangert$ni / 100, g = c("no", "yes")[bangert$wic + 1]),
  bcg = data.frame(yi = c(bcg$yi), vi = c(bcg$vi), x = bcg$ablat, z = bcg$year - 1950,
                   g = ifelse(bcg$alloc == "random", "random", "other")),
  mibs = data.frame(yi = c(mibs$yi), vi = c(mibs$vi), x = mibs$n_items,
                    z = log(mibs$n), g = ifelse(mibs$n > 150, "large", "small"))
)
models <- list(
  bangert = list(list(~ x, ~ z), list(~ 1, ~ g), list(~ x, ~ 1), list(~ g, ~ x + z)),
  bcg = list(list(~ x, ~ g), list(~ 1, ~ x)),
  mibs = list(list(~ 1, ~ g), list(~ g, ~ z), list(~ 1, ~ z + x), list(~ 1, ~ 0 + g))
)
scale_case <- function(name, mods, scale, method, test) {
  d <- sets[[name]]
  fit <- try(rma(yi, vi, mods = mods, scale = scale, data = d, method = method,
                 test = test, control = ctrl), silent = TRUE)
  if (inherits(fit, "try-error")) return(NULL)
  # nlminb's numerical gradients stop near 1e-6: Newton steps, then metafor from there
  X <- model.matrix(mods, d); Z <- model.matrix(scale, d)
  ll <- function(a) {
    s <- d$vi + exp(c(Z %*% a)); A <- crossprod(X, X / s)
    r <- d$yi - X %*% solve(A, crossprod(X, d$yi / s))
    0.5 * (sum(log(s)) + sum(r^2 / s) +
           (method == "REML") * determinant(A, logarithm = TRUE)$modulus)
  }
  a <- c(fit$alpha)
  for (i in 1:4) a <- a - solve(numDeriv::hessian(ll, a), numDeriv::grad(ll, a))
  se <- suppressWarnings(sqrt(diag(solve(numDeriv::hessian(ll, a)))))
  fit <- rma(yi, vi, mods = mods, scale = scale, data = d, method = method, test = test,
             control = c(ctrl, list(alpha.init = a)))
  p <- predict(fit)
  ic <- fit$fit.stats[, method]
  list(gamma.newton = a, se.newton = se,
       data = name, mods = deparse(mods), scale = deparse(scale), method = method,
       test = test, beta = c(fit$beta), se = fit$se, pval = fit$pval,
       ci.lb = fit$ci.lb, ci.ub = fit$ci.ub, gamma = c(fit$alpha),
       se.gamma = fit$se.alpha, pval.gamma = fit$pval.alpha, ci.lb.gamma = fit$ci.lb.alpha,
       ci.ub.gamma = fit$ci.ub.alpha, QM = fit$QM, QMp = fit$QMp, QS = fit$QS,
       QSp = fit$QSp, QE = fit$QE, ll = ic[1], aic = ic[3], bic = ic[4], aicc = ic[5],
       tau2 = fit$tau2, pi.lb = p$pi.lb, pi.ub = p$pi.ub)
}
cases <- list()
for (name in names(models)) for (m in models[[name]]) for (method in c("REML", "ML"))
  for (test in c("knha", "z")) {
    case <- scale_case(name, m[[1]], m[[2]], method, test)
    if (is.null(case)) cat("no fit:", name, deparse(m[[2]]), method, "\n")
    else cases[[length(cases) + 1]] <- case
  }

tight <- list(threshold = 1e-12, maxiter = 10000)
seven <- sets$bcg[c(1, 3, 4, 5, 8, 11, 13), ]
eight <- sets$bcg[c(1, 3, 4, 5, 8, 9, 11, 13), ]
women <- data.frame(yi = c(cesd$yi), vi = c(cesd$vi), g = cesd$caregivers)
permuted <- function(d, mods, method, test) {
  fit <- rma(yi, vi, mods = mods, data = d, method = method, test = test, control = tight)
  p <- permutest(fit, exact = TRUE, progbar = FALSE)
  list(yi = c(d$yi), vi = c(d$vi), x = d$x, g = d$g, mods = deparse(mods),
       method = method, test = test, orders = p$exact.iter, pval = p$pval, QMp = p$QMp)
}
exact <- list(
  permuted(women, ~ g, "REML", "knha"), permuted(women, ~ g, "DL", "z"),
  permuted(seven, ~ x, "REML", "knha"), permuted(seven[1:6, ], ~ x + g, "REML", "z"),
  permuted(eight, ~ g, "PM", "knha"), permuted(seven[1:6, ], ~ x + g, "ML", "knha")
)
out <- list(
  source = list(R = R.version.string, metafor = as.character(packageVersion("metafor")),
                metadat = as.character(packageVersion("metadat")),
                numDeriv = as.character(packageVersion("numDeriv")),
                scale = "rma(yi, vi, mods, scale, method, test, control = list(optimizer = 'nlminb', rel.tol = 1e-10, alpha.init))",
                permutation = "permutest(rma(yi, vi, mods, method, test), exact = TRUE)"),
  data = sets, scale = cases, exact = exact)
write(toJSON(out, digits = 17, auto_unbox = TRUE, na = "null", dataframe = "columns"),
      "tests/reference/models_metafor.json")
