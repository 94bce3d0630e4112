# Writes sensitivity_multilevel.json: deletion of rows and of studies from three-level
# models by metafor, with clubSandwich's standard errors of each refit.
# Run from the root of the project: Rscript tests/reference/sensitivity_multilevel.R
suppressMessages({
  library(metafor)
  library(clubSandwich)
  library(jsonlite)
})
plain <- function(x) as.numeric(x)
control <- list(optimizer = "optim", optmethod = "BFGS", reltol = 1e-15, maxit = 2000)
mibs <- read.csv("data/mibs_demir2022.csv")
mibs <- escalc(measure = "ABT", ai = estimate, mi = n_items, ni = n, data = mibs)
mibs$mother <- as.numeric(grepl("mother", mibs$participants))
mibs$row <- seq_len(nrow(mibs))

one <- function(mods, rho) {
  V <- vcalc(vi, cluster = study_id, obs = row, rho = rho, data = mibs)
  fit <- function(keep) {
    d <- mibs[keep, ]
    rma.mv(yi, V[keep, keep], mods = mods, random = ~ 1 | study_id / row, data = d,
           test = "t", control = control)
  }
  full <- fit(rep(TRUE, nrow(mibs)))
  studies <- unique(mibs$study_id)
  X <- cbind(model.matrix(mods, mibs), sei = sqrt(mibs$vi))
  egger <- rma.mv(yi, V, mods = X, intercept = FALSE, random = ~ 1 | study_id / row, data = mibs,
                  test = "t", control = control)
  robust <- coef_test(egger, vcov = "CR2", cluster = mibs$study_id)
  refit <- function(keep, robust) {
    r <- fit(keep)
    out <- list(b = plain(r$beta), se = plain(r$se), ci_low = plain(r$ci.lb), ci_high = plain(r$ci.ub),
                sigma2 = r$sigma2, Q = r$QE, Q_p = r$QEp)
    if (robust) {
      ct <- coef_test(r, vcov = "CR2", cluster = mibs$study_id[keep])
      out$cr2_se <- plain(ct$SE)
      out$cr2_df <- plain(ct$df_Satt)
    }
    out
  }
  list(
    rows = lapply(mibs$row, function(i) refit(mibs$row != i, FALSE)),
    studies = lapply(studies, function(s) refit(mibs$study_id != s, TRUE)),
    egger = list(b = plain(egger$beta), t = plain(egger$zval), p = plain(egger$pval),
                 cr2_t = plain(robust$tstat), cr2_df = plain(robust$df_Satt), cr2_p = plain(robust$p_Satt)),
    rstudent = plain(rstudent(full)$z),
    cook_d = plain(cooks.distance(full)),
    hat = plain(hatvalues(full)),
    weight = if (full$int.only) plain(weights(full, type = "rowsum")) else NULL,
    dfbetas = unname(lapply(dfbetas(full), plain)),
    study_chi2 = plain(rstudent(full, cluster = study_id)$cluster$X2),
    study_cook_d = plain(cooks.distance(full, cluster = study_id)),
    study_dfbetas = unname(lapply(dfbetas(full, cluster = study_id), plain))
  )
}
write_json(
  list(
    source = list(
      r = R.version.string, metafor = as.character(packageVersion("metafor")),
      clubSandwich = as.character(packageVersion("clubSandwich")),
      calls = "rma.mv(yi, V, random = ~ 1 | study_id / row, test = 't', control = optim BFGS with reltol = 1e-15), V of vcalc(rho); refitted without each row and study; rstudent, cooks.distance, dfbetas, hatvalues; coef_test(vcov = 'CR2')"
    ),
    independent = one(~1, 0), correlated = one(~mother, .6)
  ),
  "tests/reference/sensitivity_multilevel.json", digits = I(17), auto_unbox = TRUE, na = "string"
)
