# Writes sensitivity_selection.json: selection at a reliability threshold as metafor's
# step-function selection model on yi - T(threshold).
# Run from the root of the project: Rscript tests/reference/sensitivity_selection.R
suppressMessages({
  library(metafor)
  library(metadat)
  library(jsonlite)
})
control <- list(threshold = 1e-12, maxiter = 1000)
plain <- function(x) as.numeric(x)
cesd <- escalc(measure = "ABT", ai = ai, mi = mi, ni = ni, data = dat.bonett2010)
mibs <- read.csv("data/mibs_demir2022.csv")
mibs <- escalc(measure = "ABT", ai = estimate, mi = n_items, ni = n, data = mibs)

tight <- list(optimizer = "optim", optmethod = "BFGS", reltol = 1e-16, maxit = 50000,
              delta.max = 1000)
selection <- list()
select <- function(name, data, threshold, mods = NULL, scale = function(a) -log(1 - a)) {
  data$shifted <- data$yi - scale(threshold)
  # exact ties lie on the step; metafor compares p values, so they are lifted a hair
  data$shifted[abs(data$shifted) < 1e-9] <- 1e-12
  args <- list(yi = data$shifted, vi = data$vi, data = data, method = "ML", control = control)
  args$mods <- mods
  fit <- do.call(rma, args)
  sel <- selmodel(fit, type = "stepfun", steps = .5, alternative = "greater", control = tight)
  d <- confint(sel, delta = 2, control = list(tol = 1e-10, vc.min = 1e-4, vc.max = 50))
  t <- confint(sel, tau2 = TRUE, control = list(tol = 1e-10))
  selection[[name]] <<- list(
    threshold = threshold, estimate = plain(sel$beta)[1] + scale(threshold), beta = plain(sel$beta),
    se = plain(sel$se), tau2 = sel$tau2, se_tau2 = plain(sel$se.tau2), weight = sel$delta[2],
    se_weight = plain(sel$se.delta[2]), lrt = sel$LRT, lrt_p = sel$LRTp, ll = plain(logLik(sel)),
    weight_interval = plain(d$random[1, 2:3]), tau2_interval = plain(t$random["tau^2", 2:3])
  )
}
select("cesd", cesd, .90)
select("mibs", mibs, .70)
select("mibs_75", mibs, .75)
mibs$mother <- as.numeric(grepl("mother", mibs$participants))
select("mibs_mods", mibs, .70, ~mother)
hw <- escalc(measure = "AHW", ai = estimate, mi = n_items, ni = n, data = read.csv("data/mibs_demir2022.csv"))
select("mibs_hw", hw, .70, NULL, function(a) 1 - (1 - a)^(1 / 3))

# Several thresholds are p-value steps only where the variances are equal: SIMULATED alphas.
set.seed(20)
k <- 80
n <- 62
m <- 12
v <- 2 * m / ((m - 1) * (n - 2))
a <- 1 - exp(-rnorm(k, 1.5, sqrt(.2 + v)))
keep <- runif(k) < ifelse(a < .7, .4, ifelse(a < .8, .7, 1))
a <- a[keep]
cuts <- c(.70, .80)
T <- -log(1 - cuts)
y <- -log(1 - a)
fit <- rma(y - T[2], rep(v, length(y)), method = "ML", control = control)
steps <- c(.5, 1 - pnorm((T[1] - T[2]) / sqrt(v)))
sel <- selmodel(fit, type = "stepfun", steps = c(steps, 1), alternative = "greater", control = tight)
several <- list(
  alpha = a, n = n, n_items = m, thresholds = cuts, estimate = plain(sel$beta) + T[2], se = plain(sel$se),
  tau2 = sel$tau2, weights = plain(sel$delta), lrt = sel$LRT, lrt_df = sel$LRTdf, lrt_p = sel$LRTp,
  ll = plain(logLik(sel))
)

write_json(
  list(
    source = list(
      r = R.version.string, metafor = as.character(packageVersion("metafor")),
      calls = "selmodel(rma(yi - T(threshold), vi, method = 'ML'), type = 'stepfun', steps = .5, alternative = 'greater', control = optim BFGS with reltol = 1e-16); confint() for the profile intervals"
    ),
    selection = selection, several = several
  ),
  "tests/reference/sensitivity_selection.json", digits = I(17), auto_unbox = TRUE, na = "string", null = "null"
)
