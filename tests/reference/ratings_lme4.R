# Variance components of ratings with gaps, lme4.
# Rscript tests/reference/ratings_lme4.R > tests/reference/ratings_lme4.json
suppressMessages({library(lme4); library(jsonlite)})
x <- as.matrix(read.csv("tests/reference/fixture_items_60x5.csv"))
# levels of the raters, and a fixed pattern of gaps
x <- x + rep(c(0, 0.5, 1, 0.3, 0.8), each = 60)
gaps <- outer(seq_len(60), seq_len(5), function(i, j) (7 * i + 3 * j) %% 10 < 3)
x[gaps] <- NA
d <- data.frame(t = rep(seq_len(60), 5), r = rep(seq_len(5), each = 60), y = as.vector(x))
d <- d[!is.na(d$y), ]
ctl <- lmerControl(optCtrl = list(xtol_abs = 1e-12, ftol_abs = 1e-14, maxeval = 1e5))
one <- function(f) {
  m <- lmer(f, d, REML = TRUE, control = ctl)
  v <- as.data.frame(VarCorr(m))
  list(components = setNames(as.list(v$vcov), v$grp), log_likelihood = as.numeric(logLik(m)))
}
out <- list("1" = one(y ~ (1 | t)), "2" = one(y ~ (1 | t) + (1 | r)), "3" = one(y ~ factor(r) + (1 | t)),
            source = list(r = R.version.string, lme4 = as.character(packageVersion("lme4")),
                          call = "lmer(y ~ (1 | t) + (1 | r), d, REML = TRUE)"))
cat(toJSON(out, digits = 12, auto_unbox = TRUE, pretty = TRUE), "\n")
