# Reference values of the coefficients other than alpha.
# Run in this folder: Rscript coefficients.R; it reads coefficients_data.json and
# fixture_items_60x5.csv and writes coefficients.json.
suppressMessages({library(psych); library(lavaan); library(jsonlite); library(GPArotation)})

data <- fromJSON("coefficients_data.json")
fixture <- as.matrix(read.csv("fixture_items_60x5.csv"))
name <- function(x) { x <- as.matrix(x); colnames(x) <- paste0("V", seq_len(ncol(x))); x }
ceiling <- name(data$ceiling); bifactor <- name(data$bifactor)
mixed <- name(data$mixed); missing <- name(data$missing)
tight <- list(rel.tol = 1e-13, iter.max = 5000, eval.max = 10000)

one_factor <- function(m) {
  items <- paste0("V", seq_len(m))
  paste0(
    "f =~ ", paste0("l", seq_len(m), "*", items, collapse = " + "), "\n",
    paste0(items, " ~~ t", seq_len(m), "*", items, collapse = "\n"), "\n",
    "omega := (", paste0("l", seq_len(m), collapse = " + "), ")^2 / ((",
    paste0("l", seq_len(m), collapse = " + "), ")^2 + ",
    paste0("t", seq_len(m), collapse = " + "), ")"
  )
}
defined <- function(fit) {
  p <- parameterEstimates(fit); p <- p[p$op == ":=", ]
  list(estimate = setNames(as.list(p$est), p$lhs), se = setNames(as.list(p$se), p$lhs))
}
omega_lavaan <- function(x) {
  model <- one_factor(ncol(x))
  call <- function(se) cfa(model, as.data.frame(x), std.lv = TRUE, se = se,
                           control = tight, optim.force.converged = TRUE)
  fit <- call("standard"); robust <- call("robust.sem")
  p <- parameterEstimates(fit)
  list(omega = defined(fit)$estimate$omega, se_normal = defined(fit)$se$omega,
       se_robust = defined(robust)$se$omega,
       loadings = p$est[p$op == "=~"], uniquenesses = p$est[p$op == "~~" & p$lhs != "f"])
}
minres_lavaan <- function(x) {
  r <- cor(x)
  fit <- cfa(one_factor(ncol(x)), sample.cov = r, sample.nobs = nrow(x), std.lv = TRUE,
             estimator = "ULS", sample.cov.rescale = FALSE, control = tight,
             optim.force.converged = TRUE)
  p <- parameterEstimates(fit)
  list(loadings = p$est[p$op == "=~"], omega = p$est[p$op == ":="])
}
psych_one <- function(x) {
  o <- suppressMessages(suppressWarnings(omega(x, nfactors = 1, fm = "minres", plot = FALSE)))
  o$omega.tot
}
bifactor_lavaan <- function(x) {
  g <- paste0("g", 1:9); s <- paste0("s", 1:9); t <- paste0("t", 1:9); items <- paste0("V", 1:9)
  f <- function(i) paste0(s[i], "*", items[i], collapse = " + ")
  total <- function(v) paste0("(", paste0(v, collapse = " + "), ")")
  model <- paste0(
    "g =~ ", paste0(g, "*", items, collapse = " + "), "\n",
    "a =~ ", f(1:3), "\nb =~ ", f(4:6), "\nc =~ ", f(7:9), "\n",
    paste0(items, " ~~ ", t, "*", items, collapse = "\n"), "\n",
    "common := ", total(g), "^2\n",
    "group := ", total(s[1:3]), "^2 + ", total(s[4:6]), "^2 + ", total(s[7:9]), "^2\n",
    "unique := ", total(t), "\n",
    "omega_h := common / (common + group + unique)\n",
    "omega_t := (common + group) / (common + group + unique)"
  )
  call <- function(se) cfa(model, as.data.frame(x), std.lv = TRUE, orthogonal = TRUE, se = se,
                           control = tight, optim.force.converged = TRUE)
  fit <- call("standard"); robust <- call("robust.sem")
  p <- parameterEstimates(fit)
  list(omega_h = defined(fit)$estimate$omega_h, omega_t = defined(fit)$estimate$omega_t,
       se_normal = defined(fit)$se$omega_h, se_robust = defined(robust)$se$omega_h,
       general = p$est[p$op == "=~" & p$lhs == "g"],
       group = p$est[p$op == "=~" & p$lhs != "g"])
}
schmid_psych <- function(x, k, fm) {
  o <- suppressMessages(suppressWarnings(omega(x, nfactors = k, fm = fm, plot = FALSE)))
  list(omega_h = o$omega_h, omega_t = o$omega.tot, general = unname(o$schmid$sl[, "g"]),
       u2 = unname(o$schmid$sl[, "u2"]))
}
# the same decomposition with every step taken to its optimum
schmid_tight <- function(x) {
  r <- cor(x); m <- ncol(r); k <- 3
  value <- function(psi) { e <- eigen(r - diag(psi), symmetric = TRUE)$values; sum(e[-(1:k)]^2) / 2 }
  slope <- function(psi) {
    e <- eigen(r - diag(psi), symmetric = TRUE); keep <- -(1:k)
    -drop(e$vectors[, keep]^2 %*% e$values[keep])
  }
  psi <- nlminb(1 / diag(solve(r)), value, slope, lower = 0.005, upper = 1, control = tight)$par
  e <- eigen(r - diag(psi), symmetric = TRUE)
  load <- unclass(varimax(e$vectors[, 1:k] %*% diag(sqrt(e$values[1:k])), eps = 1e-12)$loadings)
  load <- load %*% diag(sign(colSums(load)))
  rotated <- GPFoblq(load, method = "oblimin", methodArgs = list(gam = 0),
                     eps = 1e-9, maxit = 100000)
  phi <- rotated$Phi
  g <- sqrt(c(phi[1, 2] * phi[1, 3] / phi[2, 3], phi[1, 2] * phi[2, 3] / phi[1, 3],
              phi[1, 3] * phi[2, 3] / phi[1, 2]))
  general <- drop(rotated$loadings %*% g)
  list(omega_h = sum(general)^2 / sum(r), omega_t = 1 - sum(psi) / sum(r),
       general = general, uniquenesses = psi)
}
polychoric_both <- function(x) {
  frame <- as.data.frame(lapply(as.data.frame(x), ordered))
  list(lavaan = unclass(lavCor(frame, ordered = names(frame), missing = "pairwise",
                               control = list(rel.tol = 1e-14))),
       psych = suppressWarnings(suppressMessages(polychoric(x, correct = 0, smooth = FALSE)$rho)),
       thresholds = as.list(lavInspect(lavCor(frame, ordered = names(frame), output = "fit",
                                              missing = "pairwise"), "sampstat")$th))
}
ordinal_lavaan <- function(x) {
  frame <- as.data.frame(lapply(as.data.frame(x), ordered)); m <- ncol(x)
  l <- paste0("l", seq_len(m))
  model <- paste0("f =~ ", paste0(l, "*V", seq_len(m), collapse = " + "), "\nsum := ",
                  paste0(l, collapse = " + "), "\nomega := sum^2 / (sum^2 + ", m, " - (",
                  paste0(l, "^2", collapse = " + "), "))")
  fit <- cfa(model, frame, std.lv = TRUE, ordered = names(frame), estimator = "ULSMV",
             control = tight, optim.force.converged = TRUE)
  d <- defined(fit); p <- parameterEstimates(fit)
  list(omega = d$estimate$omega, se = d$se$omega, loadings = p$est[p$op == "=~"])
}
# delta method on lavaan's covariance matrix of the polychoric correlations
ordinal_alpha_lavaan <- function(x) {
  frame <- as.data.frame(lapply(as.data.frame(x), ordered)); m <- ncol(x)
  fit <- lavCor(frame, ordered = names(frame), output = "fit", se = "robust.sem", estimator = "WLSMV")
  r <- lavInspect(fit, "sampstat")$cov
  acov <- fit@SampleStats@NACOV[[1]] / nrow(x)
  k <- nrow(acov); q <- m * (m - 1) / 2
  acov <- acov[(k - q + 1):k, (k - q + 1):k]
  g <- rep(2 * m^2 / ((m - 1) * sum(r)^2), q)
  list(alpha = m / (m - 1) * (1 - m / sum(r)), se = sqrt(drop(t(g) %*% acov %*% g)))
}
bounds <- function(x) {
  g <- suppressWarnings(guttman(cor(x)))
  s <- suppressWarnings(splitHalf(x, raw = TRUE, check.keys = FALSE))
  v <- suppressWarnings(splitHalf(x, raw = TRUE, check.keys = FALSE, covar = TRUE))
  one <- function(o) list(best = o$maxrb, worst = o$minrb, mean = o$meanr, splits = sort(o$raw))
  list(lambdas = c(g$lambda.1, g$lambda.2, g$lambda.3, g$lambda.4, g$lambda.5, g$lambda.6),
       correlation = one(s), covariance = one(v))
}
icc <- function(x) {
  o <- suppressMessages(ICC(x, lmer = FALSE))$results
  list(form = c("1,1", "2,1", "3,1", "1,k", "2,k", "3,k"), estimate = o$ICC, statistic = o$F,
       df1 = o$df1, df2 = o$df2, p_value = o$p, ci_low = o$`lower bound`,
       ci_high = o$`upper bound`)
}
long_diary <- function(kept) {
  d <- dim(data$diary); out <- NULL
  for (p in seq_len(d[1])) for (t in seq_len(d[2])) if (kept[p, t] == 1)
    out <- rbind(out, data.frame(id = p, time = t, t(data$diary[p, t, ])))
  out
}
diary <- function() {
  x <- long_diary(matrix(1, dim(data$diary)[1], dim(data$diary)[2]))
  o <- suppressWarnings(mlr(x, grp = "id", Time = "time", items = 3:6, alpha = FALSE,
                            aov = TRUE, lme = TRUE))
  list(components = o$components$variance[1:7], RkF = o$RkF, R1R = o$R1R, RkR = o$RkR,
       RC = o$Rc, RkRn = o$RkRn, RCn = o$Rcn)
}
two_level <- function() {
  d <- dim(data$levels); x <- NULL
  for (p in seq_len(d[1])) for (t in seq_len(d[2]))
    x <- rbind(x, data.frame(id = p, time = t, t(data$levels[p, t, ])))
  names(x)[3:6] <- paste0("V", 1:4)
  fit <- cfa("level: 1\nw =~ V1 + V2 + V3 + V4\nlevel: 2\nb =~ V1 + V2 + V3 + V4", x,
             cluster = "id", std.lv = TRUE, em.h1.tol = 1e-12, em.h1.iter.max = 100000)
  h1 <- lavInspect(fit, "h1")
  list(within = unclass(h1$within$cov), between = unclass(h1$id$cov))
}
session <- data.frame(s1 = rowMeans(ceiling[, 1:3]), s2 = rowMeans(ceiling[, 4:6]))
retest <- cor.test(session$s1, session$s2)

out <- list(
  source = list(
    R = R.version.string, psych = as.character(packageVersion("psych")),
    lavaan = as.character(packageVersion("lavaan")),
    GPArotation = as.character(packageVersion("GPArotation")),
    script = "coefficients.R", data = "coefficients_data.json, fixture_items_60x5.csv"
  ),
  omega = list(fixture = omega_lavaan(fixture), ceiling = omega_lavaan(ceiling)),
  minres = list(fixture = minres_lavaan(fixture), ceiling = minres_lavaan(ceiling)),
  psych_omega_one = list(fixture = psych_one(fixture), ceiling = psych_one(ceiling)),
  bifactor = bifactor_lavaan(bifactor),
  schmid = list(minres = schmid_psych(bifactor, 3, "minres"), ml = schmid_psych(bifactor, 3, "ml"),
                two = schmid_psych(bifactor, 2, "minres"), tight = schmid_tight(bifactor)),
  polychoric = list(ceiling = polychoric_both(ceiling), mixed = polychoric_both(mixed),
                    missing = polychoric_both(missing)),
  polychoric_corrected = suppressWarnings(suppressMessages(
    polychoric(ceiling, correct = 0.5, global = FALSE, smooth = FALSE)$rho)),
  ordinal_omega = list(ceiling = ordinal_lavaan(ceiling), mixed = ordinal_lavaan(mixed)),
  ordinal_alpha = list(ceiling = ordinal_alpha_lavaan(ceiling), mixed = ordinal_alpha_lavaan(mixed)),
  bounds = list(fixture = bounds(fixture), ceiling = bounds(ceiling)),
  icc = icc(as.matrix(data$ratings)),
  retest = list(estimate = unname(retest$estimate), ci = as.numeric(retest$conf.int)),
  diary = diary(),
  two_level = two_level()
)

writeLines(toJSON(out, digits = 17, auto_unbox = TRUE, pretty = TRUE), "coefficients.json")
