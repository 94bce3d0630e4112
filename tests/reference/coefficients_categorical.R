# Reference values of categorical omega (Green & Yang): semTools on lavaan's WLSMV, ULSMV.
# Rscript tests/reference/coefficients_categorical.R > tests/reference/coefficients_categorical.json
suppressMessages({library(lavaan); library(semTools); library(jsonlite)})
x <- read.csv("tests/reference/simulated_three_factors_300x12.csv")
cut4 <- function(v) findInterval(v, c(-1, 0, 1))
sets <- list(six = as.data.frame(lapply(x[, 1:6], cut4)),
             skewed = as.data.frame(lapply(x[, 1:5], function(v) findInterval(v, c(-2, -1)))),
             binary = as.data.frame(lapply(x[, 1:4], function(v) as.numeric(v > 0))))
one <- function(d, estimator) {
  fit <- cfa(paste("f =~", paste(names(d), collapse = "+")), d, ordered = names(d),
             std.lv = TRUE, estimator = estimator)
  old <- suppressWarnings(suppressMessages(reliability(fit)))
  list(observed = old["omega3", 1], model = old["omega", 1],
       loadings = as.numeric(lavInspect(fit, "est")$lambda))
}
out <- lapply(sets, function(d) list(dwls = one(d, "WLSMV"), uls = one(d, "ULSMV")))
out$source <- list(r = R.version.string, lavaan = as.character(packageVersion("lavaan")),
                   semTools = as.character(packageVersion("semTools")),
                   call = "reliability(cfa(model, d, ordered = names(d), estimator = 'WLSMV'))")
cat(toJSON(out, digits = 12, auto_unbox = TRUE, pretty = TRUE), "\n")
