# Writes alpha_reference.json: alpha, its standard errors and intervals by psych and
# lavaan, on invented and SIMULATED responses, and per site on open data.
# Run in tests/reference: Rscript alpha_reference.R DIRECTORY_OF_OPEN_DATA
suppressMessages({library(psych); library(lavaan); library(jsonlite)})
set.seed(20021)

one <- function(x, pairwise = FALSE) {
  x <- as.data.frame(x)
  a <- suppressWarnings(psych::alpha(x, check.keys = FALSE, delete = FALSE,
                                     use = if (pairwise) "pairwise" else "complete.obs"))
  n <- if (pairwise) nrow(x) else sum(complete.cases(x))
  feldt <- psych::alpha.ci(a$total$raw_alpha, n, ncol(x), p.val = .05)
  list(alpha = a$total$raw_alpha, standardized = a$total$std.alpha, ase = a$total$ase,
       n = n, feldt_low = unname(unlist(feldt["lower.ci"])), feldt_high = unname(unlist(feldt["upper.ci"])))
}

general <- function(n, m, weight = 1) weight * rnorm(n) + matrix(rnorm(n * m), n, m)
likert <- function(z, cuts) matrix(findInterval(z, cuts) + 1, nrow(z), ncol(z))
fixture <- as.matrix(read.csv("fixture_items_60x5.csv"))
normal <- general(80, 6)
ceiling <- likert(general(120, 12), c(-4, -3, -2, -1))
binary <- 1 * (general(150, 8) > .5)
negative <- { z <- general(90, 5); z[, 2] <- -z[, 2]; likert(z, c(-2, -1, 1, 2)) }
two <- likert(general(40, 2), c(-1, 0, 1))
three <- matrix(c(1, 2, 4, 2, 2, 5, 1, 3, 3), 3, 3)
missing <- { z <- likert(general(200, 6), c(-2, -1, 0, 1.5)); z[matrix(runif(1200) < .08, 200)] <- NA; z }
holes <- { z <- fixture; z[1:6, 5] <- NA; z[7:12, 4] <- NA; z[13:18, 1:2] <- NA; z }

data <- list(fixture = fixture, normal = normal, ceiling = ceiling, binary = binary,
             negative = negative, two_items = two, three_people = three)
cases <- lapply(data, function(x) c(list(items = unname(x)), one(x)))
for (name in c("missing", "holes")) {
  x <- get(name)
  cases[[paste0(name, "_listwise")]] <- c(list(items = unname(x)), one(na.omit(x)))
  cases[[paste0(name, "_pairwise")]] <- c(list(items = unname(x)), one(x, TRUE))
}
cases$missing_pairwise[c("n", "ase", "feldt_low", "feldt_high")] <- NULL
cases$holes_pairwise[c("n", "ase", "feldt_low", "feldt_high")] <- NULL

em <- function(x) {
  x <- as.data.frame(x); m <- ncol(x); names(x) <- paste0("x", 1:m)
  pairs <- combn(m, 2)
  model <- c(
    sprintf("x%d ~~ v%d*x%d", 1:m, 1:m, 1:m),
    sprintf("x%d ~~ c%d%d*x%d", pairs[1, ], pairs[1, ], pairs[2, ], pairs[2, ]),
    sprintf("D := %s", paste0("v", 1:m, collapse = "+")),
    sprintf("C := %s", paste0("c", pairs[1, ], pairs[2, ], collapse = "+")),
    sprintf("alpha := %d/%d * (1 - D/(D + 2*C))", m, m - 1))
  fit <- lavaan(model, x, missing = "fiml", meanstructure = TRUE, int.ov.free = TRUE,
                estimator = "MLR", control = list(rel.tol = 1e-14, iter.max = 5000))
  normal <- lavaan(model, x, missing = "fiml", meanstructure = TRUE, int.ov.free = TRUE,
                   information = "observed", control = list(rel.tol = 1e-14, iter.max = 5000))
  row <- function(f) { p <- parameterEstimates(f); p[p$label == "alpha", ] }
  list(items = unname(as.matrix(x)), alpha = row(fit)$est, se_robust = row(fit)$se,
       se_normal = row(normal)$se)
}
cases_em <- list(holes = em(holes), missing = em(missing))

sites <- function(file, items) {
  x <- read.csv(file); x$g <- trimws(x$g)
  found <- lapply(unique(x$g), function(g) {
    part <- na.omit(x[x$g == g, items])
    c(study_id = g, one(part), list(mean = mean(rowSums(part)), sd = sd(rowSums(part))))
  })
  found
}
arguments <- commandArgs(TRUE)
art_items <- swls_items <- NULL
open_data <- if (length(arguments)) {
  swls <- file.path(arguments[1], "manylabs", "data_2.12.1_clean.csv")
  art <- file.path(arguments[1], "manylabs", "data_1.12.3.1_clean.csv")
  pick <- function(f) setdiff(names(read.csv(f, nrows = 2)), "g")
  list(swls = list(items = pick(swls), sites = sites(swls, pick(swls))),
       art = list(items = pick(art), sites = sites(art, pick(art))))
}

write_json(list(
  source = paste0(R.version.string, ", psych ", packageVersion("psych"), ", lavaan ",
    packageVersion("lavaan"), "; psych::alpha(check.keys = FALSE, delete = FALSE), psych::alpha.ci; ",
    "lavaan fiml, MLR and observed information; responses SIMULATED or invented, open data by site"),
  cases = cases, em = cases_em, open_data = open_data
), "alpha_reference.json", digits = 17, auto_unbox = TRUE, na = "null")
