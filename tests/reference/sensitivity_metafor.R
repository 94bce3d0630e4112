# Writes sensitivity_metafor.json: leave-one-out, influence, cumulative, trim and fill,
# Egger, rank test and GOSH by metafor, on four data sets.
# Run from the root of the project: Rscript tests/reference/sensitivity_metafor.R
suppressMessages({
  library(metafor)
  library(metadat)
  library(jsonlite)
})
control <- list(threshold = 1e-12, maxiter = 1000)

cesd <- dat.bonett2010
cesd <- escalc(measure = "ABT", ai = ai, mi = mi, ni = ni, data = cesd)
mibs <- read.csv("data/mibs_demir2022.csv")
mibs <- escalc(measure = "ABT", ai = estimate, mi = n_items, ni = n, data = mibs)
raud <- dat.raudenbush1985
bcg <- escalc(measure = "RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)

sets <- list(
  cesd = list(yi = cesd$yi, vi = cesd$vi, ni = cesd$ni, x = as.numeric(cesd$caregivers == "women")),
  mibs = list(yi = mibs$yi, vi = mibs$vi, ni = mibs$n, x = mibs$n_items),
  raudenbush = list(yi = raud$yi, vi = raud$vi, ni = raud$n1i + raud$n2i, x = raud$weeks),
  bcg = list(yi = bcg$yi, vi = bcg$vi, ni = bcg$tpos + bcg$tneg + bcg$cpos + bcg$cneg, x = bcg$ablat)
)
plain <- function(x) as.numeric(x)
columns <- function(z, names) lapply(setNames(names, names), function(n) plain(z[[n]]))

influence_of <- function(fit) {
  i <- influence(fit)
  out <- columns(i$inf, c("rstudent", "dffits", "cook.d", "cov.r", "tau2.del", "QE.del", "hat", "weight"))
  dfbs <- unclass(i$dfbs)[seq_len(fit$p)]
  c(out, list(dfbs = unname(lapply(dfbs, plain)), flag = as.integer(i$inf$inf == "*")))
}
loo_of <- function(fit) columns(leave1out(fit), c("estimate", "se", "ci.lb", "ci.ub", "Q", "Qp", "tau2", "I2"))
trim_of <- function(fit, test) {
  out <- list()
  for (estimator in c("L0", "R0", "Q0")) for (side in c("auto", "left", "right")) {
    args <- list(fit, estimator = estimator, control = control, test = test)
    if (side != "auto") args$side <- side
    t <- try(suppressWarnings(do.call(trimfill, args)), silent = TRUE)
    if (inherits(t, "try-error")) next
    out[[paste(estimator, side, sep = "_")]] <- list(
      k0 = t$k0, se_k0 = t$se.k0, side = t$side, p_k0 = plain(t$p.k0), estimate = plain(t$beta),
      se = plain(t$se), tau2 = t$tau2, Q = t$QE, filled = plain(t$yi)[t$fill]
    )
  }
  out
}
predictors <- c(se = "sei", variance = "vi", n = "ni", inverse_n = "ninv",
                sqrt_n = "sqrtni", inverse_sqrt_n = "sqrtninv")
egger_of <- function(fit, ni) {
  out <- list()
  for (model in c("rma", "lm")) for (name in names(predictors)) {
    r <- regtest(fit, model = model, predictor = predictors[[name]], ni = ni)
    slope <- if (model == "rma") r$fit$beta[fit$p + 1] else coef(r$fit)[fit$p + 1]
    number <- function(x) if (is.null(x)) NULL else plain(x)
    out[[paste(model, name, sep = "_")]] <- list(
      statistic = plain(r$zval), p = plain(r$pval), df = number(r$ddf), slope = plain(slope),
      limit = number(r$est), limit_low = number(r$ci.lb), limit_high = number(r$ci.ub)
    )
  }
  out
}

results <- list()
for (name in names(sets)) {
  s <- sets[[name]]
  ones <- list()
  for (pair in list(c("REML", "knha"), c("DL", "z"), c("EE", "z"))) {
    method <- pair[1]
    test <- pair[2]
    fit <- rma(yi, vi, data = s, method = method, test = test, control = control)
    with <- rma(yi, vi, mods = ~x, data = s, method = method, test = test, control = control)
    weighted <- rma(yi, vi, data = s, weights = s$ni, method = method, test = test, control = control)
    order <- s$ni
    ones[[paste(method, test, sep = "_")]] <- list(
      leave_one_out = loo_of(fit),
      leave_one_out_weighted = loo_of(weighted),
      influence = influence_of(fit),
      influence_x = influence_of(with),
      influence_weighted = influence_of(weighted),
      cumulative = columns(cumul(fit), c("estimate", "se", "ci.lb", "ci.ub", "Q", "Qp", "tau2", "I2")),
      cumulative_n = columns(cumul(fit, order = order), c("estimate", "se", "ci.lb", "ci.ub", "Q", "Qp", "tau2", "I2")),
      trim_and_fill = trim_of(fit, test),
      egger = egger_of(fit, s$ni),
      egger_x = egger_of(with, s$ni)
    )
  }
  rank <- suppressWarnings(ranktest(s$yi, s$vi))
  results[[name]] <- list(
    data = lapply(s, plain), fits = ones,
    rank = list(tau = plain(rank$tau), p = plain(rank$pval))
  )
}

gosh_all <- local({
  fit <- rma(yi, vi, data = sets$cesd, control = control)
  g <- suppressWarnings(gosh(fit, progbar = FALSE))
  list(estimate = plain(g$res$estimate), tau2 = plain(g$res$tau2), I2 = plain(g$res$I2), Q = plain(g$res$QE),
       k = plain(g$res$k), members = apply(g$incl, 1, function(r) sum(2^(which(r) - 1))))
})

write_json(
  list(
    source = list(
      r = R.version.string, metafor = as.character(packageVersion("metafor")),
      metadat = as.character(packageVersion("metadat")),
      calls = "rma(control = list(threshold = 1e-12, maxiter = 1000)); leave1out, influence, cumul, trimfill(test = that of the model), regtest, ranktest, gosh"
    ),
    sets = results, gosh = gosh_all
  ),
  "tests/reference/sensitivity_metafor.json", digits = I(17), auto_unbox = TRUE, na = "string", null = "null"
)
