# Writes bayes_integrals.json: the normal-normal model with a prior of tau, by R's adaptive
# quadrature. Run in tests/reference: Rscript bayes_integrals.R
suppressMessages({library(metafor); library(metadat); library(jsonlite)})
data <- escalc(measure = "ABT", ai = ai, mi = mi, ni = ni, data = dat.bonett2010)
y <- as.numeric(data$yi)
v <- as.numeric(data$vi)

fit <- function(log_prior, end) {
  center <- function(t) { w <- 1 / (v + t^2); sum(w * y) / sum(w) }
  spread <- function(t) 1 / sqrt(sum(1 / (v + t^2)))
  log_density <- function(t) {
    w <- 1 / (v + t^2)
    log_prior(t) + .5 * sum(log(w)) - .5 * log(sum(w)) - .5 * sum(w * (y - center(t))^2)
  }
  peak <- optimize(log_density, c(0, 1), maximum = TRUE)$objective
  cuts <- c(0, .05, .1, .15, .2, .25, .3, .4, .5, .7, 1, 2, 5, 20)
  cuts <- c(cuts[cuts < end], end)
  over <- function(f, upto = end) {
    edges <- c(cuts[cuts < upto], upto)
    whole <- function(t) sapply(t, function(s) f(s) * exp(log_density(s) - peak))
    sum(mapply(function(a, b) integrate(whole, a, b, rel.tol = 1e-11, abs.tol = 0)$value,
               head(edges, -1), tail(edges, -1)))
  }
  all <- over(function(t) 1)
  mean_of <- function(f) over(f) / all
  quantile_of <- function(cdf, p, range) uniroot(function(x) cdf(x) - p, range, tol = 1e-12)$root
  mu_cdf <- function(x) mean_of(function(t) pnorm(x, center(t), spread(t)))
  new_cdf <- function(x) mean_of(function(t) pnorm(x, center(t), sqrt(spread(t)^2 + t^2)))
  tau_cdf <- function(x) over(function(t) 1, x) / all
  ps <- c(.025, .5, .975)
  mean <- mean_of(center)
  list(
    mu = sapply(ps, function(p) quantile_of(mu_cdf, p, c(1.5, 3.5))),
    mu_mean = mean,
    mu_sd = sqrt(mean_of(function(t) spread(t)^2 + (center(t) - mean)^2)),
    tau = sapply(ps, function(p) quantile_of(tau_cdf, p, c(1e-4, 1.5))),
    tau_mean = mean_of(function(t) t),
    new = sapply(ps[c(1, 3)], function(p) quantile_of(new_cdf, p, c(.5, 4.5))),
    above_90 = 1 - new_cdf(-log(1 - .90)))
}
half_normal <- function(A) function(t) dnorm(t, 0, A, log = TRUE)
cases <- list(
  list(prior = "half-normal", scale = .5, found = fit(half_normal(.5), 6)),
  list(prior = "half-normal", scale = .25, found = fit(half_normal(.25), 4)),
  list(prior = "half-normal", scale = 1, found = fit(half_normal(1), 10)),
  list(prior = "half-cauchy", scale = .5, found = fit(function(t) dcauchy(t, 0, .5, log = TRUE), 200)),
  list(prior = "uniform", scale = 2, found = fit(function(t) 0, 2)))
write_json(list(
  source = list(R = R.version.string, metafor = as.character(packageVersion("metafor")),
                metadat = as.character(packageVersion("metadat")),
                call = "integrate() over tau, rel.tol = 1e-11; uniroot() for quantiles; metadat's dat.bonett2010, measure = 'ABT'"),
  cases = cases), "bayes_integrals.json", digits = I(17), auto_unbox = TRUE, pretty = TRUE)
