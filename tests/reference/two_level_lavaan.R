# Two-level alpha and omega, lavaan. The answers are SIMULATED.
# Rscript tests/reference/two_level_lavaan.R > tests/reference/two_level_lavaan.json
suppressMessages({library(lavaan); library(jsonlite)})
d <- read.csv("tests/reference/simulated_two_level.csv")
items <- c("a", "b", "c", "d", "e")
pairs <- combn(items, 2, paste, collapse = " ~~ ")
own <- paste(items, "~~", items)
free <- paste(c(own, pairs), collapse = "\n")
saturated <- paste("level: 1", free, "level: 2", free, sep = "\n")
one <- sem(saturated, d, cluster = "p")
cov <- lavInspect(one, "est")
alpha <- function(s) { m <- nrow(s); m / (m - 1) * (1 - sum(diag(s)) / sum(s)) }
factor <- function(l) paste0("f", l, " =~ NA*a + ", paste0(l, 1:5, "*", items, collapse = " + "), "\nf", l, " ~~ 1*f", l, "\n",
  paste0(items, " ~~ t", l, 1:5, "*", items, collapse = "\n"))
omega <- function(l) { s <- paste0("(", paste0(l, 1:5, collapse = "+"), ")^2"); paste0("omega_", l, " := ", s, "/(", s, "+", paste0("t", l, 1:5, collapse = "+"), ")") }
two <- sem(paste("level: 1", factor("w"), "level: 2", factor("b"), omega("w"), omega("b"), sep = "\n"), d, cluster = "p", information = "expected")
table <- parameterEstimates(two)
pick <- function(name) as.list(table[table$label == name, c("est", "se")])
out <- list(within = unclass(cov$within$theta), between = unclass(cov[["p"]]$theta),
  alpha_within = alpha(cov$within$theta), alpha_between = alpha(cov[["p"]]$theta),
  log_likelihood_saturated = as.numeric(logLik(one)), log_likelihood_factor = as.numeric(logLik(two)),
  omega_within = pick("omega_w"), omega_between = pick("omega_b"),
  source = list(r = R.version.string, lavaan = as.character(packageVersion("lavaan")), call = "sem(model, d, cluster = 'p')"))
cat(toJSON(out, digits = 12, auto_unbox = TRUE, pretty = TRUE), "\n")
