# Quantiles at the ends of what samples and scales can be.
# Rscript tests/reference/numerics_quantiles.R, from the root of the checkout
library(jsonlite)
grid <- expand.grid(n = c(3, 10, 1000, 1e5, 1e7), m = c(2, 12, 36, 500), level = c(.5, .95, .999))
df1 <- grid$n - 1
df2 <- df1 * (grid$m - 1)
# qf() itself takes a denominator of more than 400,000 for infinite, which at n = 10^7 and
# two items makes the interval 30 % too short; the beta quantile does not
quantile_f <- function(p) {
  below <- qbeta(p, df1 / 2, df2 / 2)
  above <- qbeta(p, df2 / 2, df1 / 2, lower.tail = FALSE)
  df2 * below / (df1 * above)
}
grid$low <- quantile_f((1 - grid$level) / 2)
grid$high <- quantile_f((1 + grid$level) / 2)
small <- df2 < 4e5
stopifnot(all.equal(grid$low[small], qf((1 - grid$level) / 2, df1, df2)[small], tolerance = 1e-10))
out <- list(source = paste(R.version.string, "F quantiles of n - 1 and (n - 1)(m - 1) degrees of freedom by qbeta"), cases = grid)
write_json(out, "tests/reference/numerics_quantiles.json", digits = 17, auto_unbox = TRUE, pretty = TRUE)
