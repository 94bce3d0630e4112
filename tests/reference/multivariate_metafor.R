# Reference values for waistats.meta.multivariate: metafor's rma.mv(struct = "UN") and its
# simpler structures, and clubSandwich's CR2.
# Rscript tests/reference/multivariate_metafor.R writes tests/reference/multivariate_metafor.json
# rma.mv is run with BFGS at a relative tolerance of 1e-15 from its own maximum again, so
# that log-likelihoods are converged to 1e-9 and variances to about 1e-5.
suppressMessages({library(metafor); library(metadat); library(clubSandwich); library(jsonlite)})

berkey <- dat.berkey1998
berkey <- data.frame(study = paste0("T", berkey$trial), outcome = berkey$outcome,
                     yi = berkey$yi, vi = berkey$vi, year = berkey$year - 1983,
                     v1 = berkey$v1i, v2 = berkey$v2i)
V_berkey <- bldiag(lapply(split(berkey[c("v1", "v2")], berkey$study), as.matrix))

# SIMULATED: three subscales, some studies with two of them, errors correlated
set.seed(20260)
G <- matrix(c(.09, .05, .04, .05, .12, .06, .04, .06, .08), 3)
parts <- lapply(1:12, function(j) {
  o <- if (j <= 8) 1:3 else sort(sample(3, 2))
  n <- sample(40:250, 1)
  V <- (.6 + .4 * diag(length(o))) * 2 * 4 / (3 * (n - 2)) * outer(o / 20 + 1, o / 20 + 1)
  y <- c(1.9, 1.7, 1.8)[o] + t(chol(G))[o, ] %*% rnorm(3) + t(chol(V)) %*% rnorm(length(o))
  list(data = data.frame(study = paste0("S", j), outcome = c("task", "bond", "goal")[o],
                         yi = c(y), vi = diag(V), year = j %% 5), V = V)
})
scales <- do.call(rbind, lapply(parts, `[[`, "data"))
V_scales <- bldiag(lapply(parts, `[[`, "V"))

fit <- function(data, V, struct, method, mods) {
  data$outcome <- factor(data$outcome, levels = unique(data$outcome))
  run <- function(...) rma.mv(yi, V, mods = mods, random = ~ outcome | study, struct = struct,
                              data = data, method = method, ...)
  tight <- list(optimizer = "optim", optmethod = "BFGS", reltol = 1e-15, maxit = 1e4)
  first <- run(control = tight)
  again <- run(control = c(tight, list(tau2.init = first$tau2, rho.init = first$rho)))
  best <- if (logLik(again) > logLik(first)) again else first
  robust <- coef_test(best, vcov = "CR2", cluster = data$study)
  list(struct = struct, method = method, beta = c(best$beta), se = best$se,
       tau2 = best$tau2, rho = best$rho, log_likelihood = c(logLik(best)),
       Q = best$QE, aic = AIC(best), bic = BIC(best),
       robust_se = robust$SE, robust_df = robust$df_Satt)
}

cases <- function(data, V) {
  grid <- expand.grid(struct = c("UN", "CS", "DIAG", "ID"), method = c("REML", "ML"),
                      stringsAsFactors = FALSE)
  fits <- Map(function(s, m) fit(data, V, s, m, ~ outcome - 1), grid$struct, grid$method)
  with_year <- fit(data, V, "UN", "REML", ~ outcome - 1 + outcome:year)
  list(data = data[c("study", "outcome", "yi", "vi", "year")], V = V,
       fits = unname(fits), with_year = with_year)
}

out <- list(
  source = list(R = R.version.string, metafor = as.character(packageVersion("metafor")),
                clubSandwich = as.character(packageVersion("clubSandwich")),
                call = "rma.mv(yi, V, mods = ~ outcome - 1, random = ~ outcome | study, struct)"),
  berkey1998 = cases(berkey, V_berkey), simulated_scales = cases(scales, V_scales))
write_json(out, "tests/reference/multivariate_metafor.json", digits = I(17), auto_unbox = TRUE,
           pretty = 1)
