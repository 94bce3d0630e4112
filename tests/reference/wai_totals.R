# The poolable alphas of total scores of the bundled table: three levels, CR2.
# Rscript tests/reference/wai_totals.R, from the project's folder
suppressMessages({
  library(metafor)
  library(clubSandwich)
  library(jsonlite)
})
wai <- read.csv("data/wai_coefficients.csv")
wai <- subset(wai, status == "poolable" & scale == "total" & coefficient_type == "alpha")
dat <- escalc(measure = "ABT", ai = estimate, mi = n_items, ni = n, data = wai)
fit <- rma.mv(yi, vi,
  random = ~ 1 | study_id / coefficient_id, data = dat, test = "t",
  control = list(optimizer = "nlminb", rel.tol = 1e-10)
)
rob <- conf_int(fit, vcov = "CR2", cluster = dat$study_id, test = "Satterthwaite")
back <- function(x) 1 - exp(-x)
out <- list(
  source = list(
    R = R.version.string, metafor = as.character(packageVersion("metafor")),
    clubSandwich = as.character(packageVersion("clubSandwich")),
    call = "rma.mv(yi, vi, random = ~ 1 | study_id/coefficient_id); conf_int(vcov = CR2)"
  ),
  k = fit$k, studies = length(unique(dat$study_id)),
  sigma2 = fit$sigma2, estimate = back(coef(fit)[[1]]),
  ci_low = back(rob$CI_L), ci_high = back(rob$CI_U), df = rob$df
)
write(toJSON(out, auto_unbox = TRUE, digits = 12), "tests/reference/wai_totals.json")
