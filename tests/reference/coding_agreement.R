# Reference values for agreement of coders, Wilson intervals, a logistic trend,
# standardized differences and the variance ratio. Run from this folder:
#   Rscript coding_agreement.R
suppressMessages({library(psych); library(metafor); library(jsonlite)})
options(digits = 17)

first <- c("a","a","b","c","b","a","c","c","a","b","b","a","c","a","b")
second <- c("a","b","b","c","b","a","c","a","a","b","c","a","c","a","a")
k <- cohen.kappa(cbind(first, second))
cut <- cohen.kappa(cbind(first == "a", second == "a"))

n1 <- c(80, 54, 120, 33, 61, 248, 19, 75)
n2 <- c(80, 45, 120, 33, 67, 248, 21, 75)
icc <- suppressWarnings(ICC(cbind(n1, n2), lmer = FALSE))$results
icc21 <- icc[icc$type == "ICC2", ]

wilson <- function(x, n, level = .95)
  as.numeric(prop.test(x, n, conf.level = level, correct = FALSE)$conf.int)
counts <- list(c(0, 12), c(7, 12), c(36, 60), c(60, 60), c(1, 3))

year <- c(1995, 1996, 1998, 1999, 2001, 2003, 2004, 2006, 2008, 2010, 2012, 2013,
          2015, 2016, 2018, 2020)
induced <- c(1, 1, 1, 0, 1, 1, 0, 1, 0, 1, 0, 0, 1, 0, 0, 0)
trend <- summary(glm(induced ~ I(year - mean(year)), family = binomial,
                     control = glm.control(epsilon = 1e-14, maxit = 100)))$coefficients

reporting <- c(5.1, 5.6, 4.9, 5.8, 6.0, 5.2, 5.5)
inducing <- c(4.8, 5.0, 5.9, 4.4, 5.1)
g <- escalc("SMD", m1i = mean(inducing), sd1i = sd(inducing), n1i = 5,
            m2i = mean(reporting), sd2i = sd(reporting), n2i = 7)
welch <- t.test(log(inducing^2), log(reporting^2))
or <- escalc("OR", ai = 3, bi = 2, ci = 1, di = 6)
or0 <- escalc("OR", ai = 5, bi = 0, ci = 3, di = 4)

set.seed(7)
x <- as.numeric(scale(rnorm(75))) * 9.4
y <- as.numeric(scale(rnorm(84))) * 12.1
f <- var.test(x, y)

write_json(list(
  source = list(
    R = R.version.string,
    packages = list(psych = as.character(packageVersion("psych")),
                    metafor = as.character(packageVersion("metafor"))),
    calls = c("cohen.kappa(cbind(first, second))", "ICC(cbind(n1, n2), lmer = FALSE)",
              "prop.test(x, n, correct = FALSE)$conf.int",
              "glm(induced ~ I(year - mean(year)), family = binomial)",
              "escalc('SMD')", "t.test(log(s^2))", "escalc('OR')", "var.test(x, y)")),
  kappa = list(first = first, second = second, estimate = k$kappa,
               se = sqrt(k$var.kappa), ci = k$confid["unweighted kappa", c(1, 3)]),
  kappa_two = list(estimate = cut$kappa, se = sqrt(cut$var.kappa)),
  icc = list(first = n1, second = n2, estimate = icc21$ICC,
             ci = c(icc21$`lower bound`, icc21$`upper bound`)),
  wilson = lapply(counts, function(c) list(
    x = c[1], n = c[2], ci = wilson(c[1], c[2]), ci_90 = wilson(c[1], c[2], .90))),
  trend = list(year = year, induced = induced, estimate = trend[, 1], se = trend[, 2],
               p_value = trend[, 4]),
  smd = list(reporting = reporting, inducing = inducing, estimate = g$yi[1],
             variance = g$vi[1]),
  log_variance = list(estimate = unname(diff(rev(welch$estimate))), df = unname(welch$parameter),
                      ci = as.numeric(welch$conf.int), p_value = welch$p.value),
  odds = list(estimate = or$yi[1], variance = or$vi[1]),
  odds_zero = list(estimate = or0$yi[1], variance = or0$vi[1]),
  variance_ratio = list(statistic = unname(f$statistic), df = unname(f$parameter),
                        p_value = f$p.value, ci = as.numeric(f$conf.int))
), "coding_agreement.json", digits = 17, auto_unbox = TRUE, pretty = TRUE)
