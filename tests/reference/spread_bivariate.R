# Writes spread_bivariate.json: metafor's bivariate model of transformed alpha and log
# score variance with known sampling blocks (rma.mv, struct = "UN"), the slope fixed by
# profiling, and its rma of the log error variance, on SIMULATED tables.
# Run from the root of the project: Rscript tests/reference/spread_bivariate.R
suppressMessages({
  library(metafor)
  library(jsonlite)
})
set.seed(20240611)

simulate <- function(k, sd_true, sd_error, m = 12, low = 40, high = 250) {
  n <- sample(low:high, k, replace = TRUE)
  true <- 9 * exp(rnorm(k, 0, sd_true))
  error <- exp(rnorm(k, 0, sd_error))
  s2 <- (true + error) * rchisq(k, n - 1) / (n - 1)
  residual <- error * rchisq(k, (n - 1) * (m - 1)) / ((n - 1) * (m - 1))
  list(alpha = 1 - residual / s2, sd = sqrt(s2), n = n, m = rep(m, k), x = rnorm(k))
}
sets <- list(
  spread = simulate(20, .5, 0),
  both = simulate(30, .4, .25),
  error = simulate(25, 0, .4),
  short = simulate(16, .3, .3, m = 4),
  few = simulate(6, .5, .3)
)

control <- list(optimizer = "optim", optmethod = "BFGS", reltol = 1e-16, maxit = 10000)

fit <- function(s, mods) {
  k <- length(s$n)
  long <- data.frame(
    study = rep(seq_len(k), each = 2),
    outcome = factor(rep(c("T", "S"), k), levels = c("T", "S")),
    yi = c(rbind(-log(1 - s$alpha), log(s$sd^2))),
    x = rep(s$x, each = 2)
  )
  V <- bldiag(lapply(seq_len(k), function(i) {
    v <- 2 * s$m[i] / ((s$m[i] - 1) * (s$n[i] - 2))
    c <- 2 / (s$n[i] - 1)
    matrix(c(v, c, c, c), 2)
  }))
  formula <- if (mods) ~ outcome + outcome:x - 1 else ~ outcome - 1
  r <- suppressWarnings(rma.mv(yi, V, mods = formula, random = ~ outcome | study,
    struct = "UN", data = long, method = "REML", control = control))
  e <- log(s$sd^2 * (1 - s$alpha))
  ve <- 2 / ((s$n - 1) * (s$m - 1))
  tight <- list(threshold = 1e-12, maxiter = 1000)
  error <- if (mods) rma(e, ve, mods = ~ s$x, test = "knha", control = tight) else
    rma(e, ve, test = "knha", control = tight)
  list(tau2 = r$tau2, rho = r$rho, beta = c(r$beta), se = r$se,
       ll = c(logLik(r)), error_b = c(error$b), error_tau2 = error$tau2,
       error_QE = error$QE, error_QEp = error$QEp,
       error_tau2_ci = if (mods) NULL else
         unname(confint(error, control = list(tol = 1e-14))$random["tau^2", 2:3]))
}
cases <- list()
for (name in names(sets)) for (mods in c(FALSE, TRUE)) {
  if (mods && name == "few") next
  cases[[length(cases) + 1]] <- c(list(data = name, mods = mods), fit(sets[[name]], mods))
}
out <- list(
  source = list(
    R = R.version.string, metafor = as.character(packageVersion("metafor")),
    data = "SIMULATED",
    call = paste("rma.mv(yi, V, mods = ~ outcome - 1, random = ~ outcome | study,",
                 "struct = 'UN', method = 'REML')")
  ),
  data = sets, cases = cases
)
write_json(out, "tests/reference/spread_bivariate.json", digits = 17, auto_unbox = TRUE,
           null = "null")
