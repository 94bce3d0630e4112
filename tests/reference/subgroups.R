# Reference values for waistats.meta.subgroups.
# Rscript tests/reference/subgroups.R writes tests/reference/subgroups.json
suppressMessages({library(metafor); library(jsonlite)})
ctrl <- list(threshold = 1e-12, maxiter = 10000)
d <- escalc(measure = "RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)
fits <- lapply(split(d, d$alloc), function(x) rma(yi, vi, data = x, control = ctrl))
est <- sapply(fits, function(f) c(f$b)); se <- sapply(fits, function(f) f$se)
between <- rma(est, sei = se, mods = ~ names(fits), method = "FE")
common <- rma(yi, vi, mods = ~ alloc, data = d, control = ctrl, test = "knha")
kh <- lapply(split(d, d$alloc), function(x) rma(yi, vi, data = x, control = ctrl, test = "knha"))
m <- sapply(kh, function(f) c(f$b)); s <- sapply(kh, function(f) f$se)
n <- sapply(kh, function(f) f$k)
# oneway.test is Welch's test; means m with variances s^2 are groups of n with sd s*sqrt(n)
groups <- unlist(lapply(seq_along(m), function(i) { z <- scale(seq_len(n[i])); m[i] + z * s[i] * sqrt(n[i]) }))
w <- oneway.test(groups ~ rep(names(m), n))
write_json(list(
  source = list(R = R.version.string, metafor = as.character(packageVersion("metafor")),
                call = "rma by group and oneway.test of their means"),
  data = list(yi = c(d$yi), vi = c(d$vi), alloc = d$alloc),
  separate = list(est = est, se = se, tau2 = sapply(fits, function(f) f$tau2),
                  QM = between$QM, QMp = between$QMp),
  welch = list(F = unname(w$statistic), df = unname(w$parameter), p = w$p.value),
  common = list(QM = common$QM, QMp = common$QMp, tau2 = common$tau2)),
  "tests/reference/subgroups.json", digits = 17, auto_unbox = TRUE)
