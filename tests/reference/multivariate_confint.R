# Reference values for heterogeneity_intervals() of waistats.meta.multivariate_result:
# metafor's profile-likelihood limits, confint() of rma.mv(struct = "UN").
# Rscript tests/reference/multivariate_confint.R writes tests/reference/multivariate_confint.json
# from the data of multivariate_metafor.json. Its optimizer stops a little short at every
# value that is kept, so that limits agree to about 2e-3, and worse where a variance is
# nearly 0.
suppressMessages({library(metafor); library(jsonlite)})

limits <- function(case) {
  data <- case$data
  data$outcome <- factor(data$outcome, levels = unique(data$outcome))
  fit <- rma.mv(yi, case$V, mods = ~ outcome - 1, random = ~ outcome | study,
                struct = "UN", data = data, method = "REML")
  found <- confint(fit)
  if (!is.null(found$random)) found <- list(found)
  found <- found[!sapply(found, is.null)]
  rows <- lapply(found[seq_along(c(fit$tau2, fit$rho))], function(x) x$random[1, ])
  list(tau2 = unname(lapply(rows[seq_along(fit$tau2)], unname)),
       rho = unname(lapply(rows[-seq_along(fit$tau2)], unname)))
}

data <- fromJSON("tests/reference/multivariate_metafor.json")
out <- list(source = list(R = R.version.string,
                          metafor = as.character(packageVersion("metafor")),
                          call = "confint(rma.mv(..., struct = \"UN\"))"),
            berkey1998 = limits(data$berkey1998),
            simulated_scales = limits(data$simulated_scales))
write_json(out, "tests/reference/multivariate_confint.json", digits = I(12),
           auto_unbox = TRUE, pretty = 1)
