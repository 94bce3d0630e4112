# Reference values of factor-model omega, its fit, the test of tau-equivalence (lavaan)
# and the greatest lower bound (psych's glb.algebraic with CSDP).
# Rscript tests/reference/coefficients_models.R > tests/reference/coefficients_models.json
suppressMessages({library(lavaan); library(psych); library(jsonlite)})
three <- read.csv("tests/reference/simulated_three_factors_300x12.csv")
five <- read.csv("tests/reference/fixture_items_60x5.csv")
base <- "a =~ x1+x2+x3+x4\nb =~ x5+x6+x7+x8\nc =~ x9+x10+x11+x12"
models <- list(
  correlated = base,
  residual = paste0(base, "\nx2 ~~ x6"),
  second = paste0(base, "\nx2 ~~ x6\ng =~ a + b + c"),
  single = paste("f =~", paste(names(three), collapse = "+"))
)
measures <- c("chisq", "df", "pvalue", "chisq.scaled", "chisq.scaling.factor", "rmsea",
              "rmsea.ci.lower", "rmsea.ci.upper", "cfi", "tli", "srmr_bentler")
out <- lapply(models, function(model) {
  fit <- cfa(model, three, estimator = "MLM", std.lv = TRUE)
  est <- lavInspect(fit, "est")
  sigma <- lavInspect(fit, "implied")$cov
  table <- parameterEstimates(fit)
  table <- table[!is.na(table$se) & table$se > 0 & table$op != "~1", c("lhs", "op", "rhs", "est", "se")]
  list(omega = 1 - sum(est$theta) / sum(sigma),
       fit = as.list(unclass(fitMeasures(fit, measures))),
       parameters = table)
})
orth <- cfa(base, three, estimator = "MLM", std.lv = TRUE, orthogonal = TRUE)
out$orthogonal <- list(
  omega = 1 - sum(lavInspect(orth, "est")$theta) / sum(lavInspect(orth, "implied")$cov),
  fit = as.list(unclass(fitMeasures(orth, measures))))
equal <- "f =~ NA*x1 + e*x1 + e*x2 + e*x3 + e*x4\nf ~~ 1*f"
parallel <- paste0(equal, "\n", paste0("x", 1:4, " ~~ u*x", 1:4, collapse = "\n"))
free <- "f =~ NA*x1 + x2 + x3 + x4\nf ~~ 1*f"
fits <- lapply(list(parallel = parallel, tau = equal, congeneric = free), cfa, data = three, estimator = "MLM")
test <- lavTestLRT(fits$tau, fits$congeneric, method = "satorra.bentler.2001")
plain <- lavTestLRT(cfa(equal, three), cfa(free, three))
out$tau_equivalence <- list(
  fit = lapply(fits, function(f) as.list(unclass(fitMeasures(f, measures)))),
  scaled = test[["Chisq diff"]][2], scaled_p = test[["Pr(>Chisq)"]][2],
  plain = plain[["Chisq diff"]][2], plain_p = plain[["Pr(>Chisq)"]][2])
agree <- na.omit(psych::bfi[, 1:5])
glb <- function(x) list(covariance = glb.algebraic(cov(x))$glb, correlation = glb.algebraic(cor(x))$glb)
out$glb <- list(five = glb(five), three = glb(three), agreement = glb(agree),
                agreement_covariance = cov(agree), agreement_n = nrow(agree))
turned <- transform(five, V2 = 6 - V2)
one <- cfa(paste0("f =~ NA*V1 + a*V1 + b*V2 + c*V3 + d*V4 + e*V5\nf ~~ 1*f\n",
                  paste0("V", 1:5, " ~~ t", 1:5, "*V", 1:5, collapse = "\n"),
                  "\nomega := (a+b+c+d+e)^2 / ((a+b+c+d+e)^2 + t1+t2+t3+t4+t5)"),
           turned, se = "robust.sem")
row <- subset(parameterEstimates(one), label == "omega")
out$omega_reversed <- list(estimate = row$est, se = row$se)
out$source <- list(r = R.version.string, lavaan = as.character(packageVersion("lavaan")),
                   psych = as.character(packageVersion("psych")),
                   rcsdp = as.character(packageVersion("Rcsdp")),
                   call = "cfa(model, data, estimator = 'MLM', std.lv = TRUE); glb.algebraic(cov(x))")
cat(toJSON(out, digits = 12, auto_unbox = TRUE, pretty = TRUE), "\n")
