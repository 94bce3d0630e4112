# Reference values of item statistics: psych's alpha and describe.
# Run in this folder: Rscript coefficients_items.R; writes coefficients_items.json.
suppressMessages({library(psych); library(jsonlite)})
data <- fromJSON("coefficients_data.json")
x <- data$ceiling; colnames(x) <- paste0("V", seq_len(ncol(x)))
a <- alpha(x); d <- describe(x, type = 2)
f <- factanal(x, 1, control = list(lower = 1e-6, opt = list(factr = 1)))
out <- list(
  source = list(R = R.version.string, psych = as.character(packageVersion("psych")),
                script = "coefficients_items.R", data = "coefficients_data.json (ceiling)"),
  mean = d$mean, sd = d$sd, skew = d$skew, r_drop = a$item.stats$r.drop,
  alpha_drop = a$alpha.drop$raw_alpha, loading = as.numeric(f$loadings),
  floor = colMeans(x == 1), ceiling = colMeans(x == 5)
)
writeLines(toJSON(out, digits = 17, auto_unbox = TRUE, pretty = TRUE), "coefficients_items.json")
