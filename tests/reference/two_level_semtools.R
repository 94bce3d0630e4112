# Reliability of two levels, semTools on lavaan; and categorical omega by compRelSEM.
# Rscript tests/reference/two_level_semtools.R > tests/reference/two_level_semtools.json
suppressMessages({library(lavaan); library(semTools); library(jsonlite)})
d <- read.csv("tests/reference/simulated_two_level.csv")
items <- c("a", "b", "c", "d", "e")
one <- paste("f =~", paste(items, collapse = "+"))
fit <- suppressWarnings(cfa(paste("level: 1", one, "level: 2", one, sep = "\n"), d, cluster = "p",
                            std.lv = TRUE, information = "expected"))
old <- suppressWarnings(suppressMessages(reliability(fit)))
x <- read.csv("tests/reference/simulated_three_factors_300x12.csv")[, 1:6]
x <- as.data.frame(lapply(x, function(v) findInterval(v, c(-1, 0, 1))))
ordered <- cfa(paste("f =~", paste(names(x), collapse = "+")), x, ordered = names(x),
               std.lv = TRUE, estimator = "WLSMV")
new <- suppressWarnings(suppressMessages(compRelSEM(ordered)))
out <- list(
  alpha_within = old$within["alpha", "f"], alpha_between = old$p["alpha", "f"],
  omega_within = old$within["omega", "f"], omega_between = old$p["omega", "f"],
  categorical = as.numeric(new)[1],
  source = list(r = R.version.string, lavaan = as.character(packageVersion("lavaan")),
                semTools = as.character(packageVersion("semTools")),
                call = "reliability(cfa(model, d, cluster = 'p')); compRelSEM(cfa(model, x, ordered = names(x)))"))
cat(toJSON(out, digits = 12, auto_unbox = TRUE, pretty = TRUE), "\n")
