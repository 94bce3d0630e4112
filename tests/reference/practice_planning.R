# Writes practice_planning.json: what base R and metafor say of prediction and planning:
# metafor's predict() and pnorm/pt of thresholds on the CES-D table, exact quadrature of
# the ratio of two alphas, power by pwr's formula.
# Run from the root of the project: Rscript tests/reference/practice_planning.R
suppressMessages({
  library(metafor)
  library(jsonlite)
})
cesd <- escalc(measure = "ABT", ai = ai, mi = mi, ni = ni, data = dat.bonett2010)
fit <- rma(yi, vi, data = cesd, test = "knha", control = list(threshold = 1e-12, maxiter = 1000))
T <- function(a) -log(1 - a)
back <- function(t) 1 - exp(-t)
cuts <- c(.70, .80, .85, .90)
sizes <- c(30, 100, 300)
sampling <- 2 * 20 / (19 * (sizes - 2))
total <- sqrt(fit$se^2 + fit$tau2 + sampling)
t8 <- qt(.975, 8)
mod <- rma(yi, vi, mods = ~ ni, data = cesd, test = "knha",
           control = list(threshold = 1e-12, maxiter = 1000))
at <- predict(mod, newmods = 200)

# P(W > w) of W = (F1 of (f1, f2)) / (F2 of (f4, f3)) under equal alphas, by quadrature
exact <- function(w, n1, m1, n2, m2) {
  f1 <- n1 - 1; f2 <- (n1 - 1) * (m1 - 1)
  g1 <- n2 - 1; g2 <- (n2 - 1) * (m2 - 1)
  # (1 - a) / (1 - alpha) is 1 / F(n - 1, (n - 1)(m - 1))
  upper <- integrate(function(y) df(y, g1, g2) * pf(w * y, f1, f2, lower.tail = FALSE),
                     0, Inf, rel.tol = 1e-10)$value
  2 * min(upper, 1 - upper)
}
out <- list(
  source = list(R = R.version.string, metafor = as.character(packageVersion("metafor")),
                call = "rma(yi, vi, test = 'knha'); pnorm, pt; integrate"),
  cuts = cuts, sizes = sizes,
  normal = pnorm((fit$b[1] - T(cuts)) / sqrt(fit$tau2)),
  t = pt((fit$b[1] - T(cuts)) / sqrt(fit$tau2 + fit$se^2), 8),
  observed_90 = pt((fit$b[1] - T(.90)) / total, 8),
  observed_low = back(fit$b[1] - t8 * total), observed_high = back(fit$b[1] + t8 * total),
  at_200 = list(estimate = back(at$pred), ci_low = back(at$ci.lb), ci_high = back(at$ci.ub),
                pi_low = back(at$pi.lb), pi_high = back(at$pi.ub)),
  calibrated_90 = mean(fit$b[1] + sqrt(fit$tau2 / (fit$tau2 + cesd$vi)) *
                         (cesd$yi - fit$b[1]) > T(.90)),
  compare = list(
    long = exact((1 - .79) / (1 - .91), 84, 36, 54, 12),
    short = exact((1 - .70) / (1 - .80), 60, 4, 45, 4)
  )
)
write_json(out, "tests/reference/practice_planning.json", digits = 17, auto_unbox = TRUE)
print(out$compare)
