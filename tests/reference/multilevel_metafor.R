# Reference values for waistats.meta.multilevel.fit: metafor's rma.mv and clubSandwich.
# Rscript tests/reference/multilevel_metafor.R writes tests/reference/multilevel_metafor.json
# rma.mv stops short of the maximum, so the variances are first taken to full convergence
# by dense scoring written out below; metafor and clubSandwich then work at those.
suppressMessages({library(metafor); library(metadat); library(clubSandwich); library(jsonlite)})

scoring <- function(y, X, V, groups, s, restricted, fixed = rep(FALSE, length(s))) {
  S <- lapply(groups, function(g) outer(g, g, "==") * 1)
  L <- length(S)
  parts <- function(s) {
    M <- V
    for (l in seq_len(L)) M <- M + s[l] * S[[l]]
    W <- chol2inv(chol(M))
    B <- solve(t(X) %*% W %*% X)
    P <- W - W %*% X %*% B %*% t(X) %*% W
    Tm <- if (restricted) P else W
    Py <- P %*% y
    score <- sapply(S, function(A) 0.5 * (t(Py) %*% A %*% Py - sum(Tm * A)))
    TS <- lapply(S, function(A) Tm %*% A)
    info <- outer(1:L, 1:L, Vectorize(function(i, j) 0.5 * sum(TS[[i]] * t(TS[[j]]))))
    SPy <- sapply(S, function(A) A %*% Py)
    observed <- t(SPy) %*% P %*% SPy - info
    k <- length(y); p <- ncol(X)
    ll <- -0.5 * (determinant(M)$modulus + t(y) %*% Py)
    ll <- if (restricted) {
      ll - 0.5 * ((k - p) * log(2 * pi) - determinant(t(X) %*% X)$modulus +
                    determinant(t(X) %*% W %*% X)$modulus)
    } else ll - 0.5 * k * log(2 * pi)
    list(score = score, info = info, observed = observed, ll = c(ll))
  }
  for (i in 1:200) {
    at <- parts(s)
    free <- !fixed & (s > 0 | at$score > 0)
    if (!any(free)) break
    H <- at$observed[free, free, drop = FALSE]
    if (min(eigen(H, TRUE, TRUE)$values) <= 0) H <- at$info[free, free, drop = FALSE]
    step <- rep(0, L)
    step[free] <- solve(H, at$score[free])
    share <- 1
    repeat {
      new <- pmax(s + share * step, 0)
      if (parts(new)$ll >= at$ll - 1e-11 || share < 1e-8) break
      share <- share / 2
    }
    done <- max(abs(new - s)) < 1e-14 * max(s, 1e-3)
    s <- new
    if (done) break
  }
  c(list(sigma2 = s), parts(s))
}

best <- function(y, X, V, groups, restricted, fixed = rep(FALSE, length(groups)), at = NULL) {
  L <- length(groups)
  spread <- var(lm.fit(X, y)$residuals)
  starts <- rbind(rep(spread / L, L), spread * (0.9 * diag(L) + 0.1 / L))
  fits <- lapply(seq_len(nrow(starts)), function(i) {
    s <- starts[i, ]
    if (!is.null(at)) s[fixed] <- at else s[fixed] <- 0
    scoring(y, X, V, groups, s, restricted, fixed)
  })
  fits[[which.max(sapply(fits, `[[`, "ll"))]]
}

profile_limits <- function(y, X, V, groups, fit, level, restricted) {
  L <- length(groups)
  fixed <- seq_len(L) == level
  gap <- function(s) 2 * (fit$ll - best(y, X, V, groups, restricted, fixed, s)$ll) - qchisq(.95, 1)
  here <- fit$sigma2[level]
  low <- if (here == 0 || gap(0) <= 0) 0 else uniroot(gap, c(0, here), tol = 1e-13)$root
  high <- max(here, 0.01) * 2
  while (gap(high) < 0) high <- high * 2
  c(low, uniroot(gap, c(max(here, 0), high), tol = 1e-13)$root)
}

run <- function(name, y, groups, V = NULL, v = NULL, X = NULL, method = "REML",
                test = "t", robust = TRUE, profile = FALSE, source = "") {
  k <- length(y)
  full <- if (is.null(V)) diag(v, k) else V
  design <- if (is.null(X)) matrix(1, k, 1) else cbind(1, X)
  p <- ncol(design)
  nested <- Reduce(function(a, b) paste(a, b, sep = "/"), groups, accumulate = TRUE)
  restricted <- method == "REML"
  fit <- best(y, design, full, nested, restricted)
  d <- as.data.frame(setNames(groups, paste0("g", seq_along(groups))))
  d$y <- y
  random <- as.formula(paste("~ 1 |", paste(names(d)[seq_along(groups)], collapse = "/")))
  call <- list(yi = d$y, V = full, random = random, data = d, method = method, test = test)
  if (!is.null(X)) call$mods <- X
  own <- suppressWarnings(tryCatch(
    do.call(rma.mv, c(call, list(control = list(rel.tol = 1e-12)))),
    error = function(e) do.call(rma.mv, call)))
  at <- suppressWarnings(do.call(rma.mv, c(call, list(sigma2 = fit$sigma2))))
  W0 <- solve(full)
  P0 <- W0 - W0 %*% design %*% solve(t(design) %*% W0 %*% design) %*% t(design) %*% W0
  typical <- (k - p) / sum(diag(P0))
  stats <- own$fit.stats[, method]
  out <- list(
    name = name, source = source, method = method, test = test, y = y,
    groups = lapply(groups, as.character), v = diag(full),
    V = if (is.null(V)) NULL else V, X = X, sigma2 = fit$sigma2,
    sigma2_metafor = own$sigma2, ll = fit$ll, ll_metafor = c(logLik(own)),
    sigma2_se = tryCatch(sqrt(diag(solve(fit$info))), error = function(e) NULL),
    b = c(at$b), se = at$se, statistic = at$zval, p_value = at$pval, ci_low = at$ci.lb,
    ci_high = at$ci.ub, Q = at$QE, Q_p = at$QEp, QM = at$QM, QM_p = at$QMp,
    aic = unname(stats[3]), bic = unname(stats[4]), aicc = unname(stats[5]),
    I2 = 100 * fit$sigma2 / (sum(fit$sigma2) + typical),
    without = sapply(seq_along(groups), function(l)
      best(y, design, full, nested, restricted, seq_along(groups) == l)$ll),
    rowsum = if (is.null(X)) unname(weights(at, type = "rowsum")))
  if (is.null(X)) {
    far <- predict(at)
    half <- qt(.975, k - p) * sqrt(at$se^2 + sum(fit$sigma2))
    out$pi <- c(at$b - half, at$b + half)
  }
  if (profile) {
    out$profile <- t(sapply(seq_along(groups), function(l)
      profile_limits(y, design, full, nested, fit, l, restricted)))
  }
  if (robust) {
    cluster <- groups[[1]]
    vc <- vcovCR(at, cluster = cluster, type = "CR2")
    ct <- coef_test(at, vcov = vc, test = "Satterthwaite")
    ci <- conf_int(at, vcov = vc)
    out$robust <- list(se = ct$SE, df = ct$df_Satt, p_value = ct$p_Satt,
                       ci_low = ci$CI_L, ci_high = ci$CI_U)
    if (p > 1) {
      htz <- Wald_test(at, constraints = constrain_zero(2:p), vcov = vc, test = "HTZ")
      out$robust$htz <- c(htz$Fstat, htz$df_num, htz$df_denom, htz$p_val)
    }
  }
  out
}

constant <- function(v, study, rho) {
  R <- outer(study, study, "==") * rho
  diag(R) <- 1
  R * outer(sqrt(v), sqrt(v))
}

kon <- dat.konstantopoulos2011
ass <- dat.assink2016
ass$year <- ass$year - mean(ass$year)
cre <- escalc("ZCOR", ri = ri, ni = ni, data = dat.crede2010)
kal <- dat.kalaian1996
ber <- dat.berkey1998
mibs <- escalc("ABT", ai = estimate, mi = n_items, ni = n, data = read.csv("data/mibs_demir2022.csv"))
# invented numbers, no real studies
inv <- data.frame(
  study = c(1, 1, 1, 2, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6),
  sample = c(1, 1, 1, 2, 2, 3, 4, 4, 5, 6, 7, 7, 8, 9),
  therapist = c(0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 1),
  m = c(12, 4, 4, 12, 4, 12, 36, 12, 36, 36, 12, 4, 12, 4),
  n = c(88, 88, 88, 243, 243, 61, 84, 84, 123, 54, 201, 201, 40, 47),
  alpha = c(.93, .86, .85, .91, .82, .88, .95, .89, .94, .96, .90, .78, .84, .70))
inv <- escalc("ABT", ai = alpha, mi = m, ni = n, data = inv)
inv_x <- cbind(log_m = log(inv$m), therapist = inv$therapist)
berkey_V <- as.matrix(bldiag(lapply(split(ber[, c("v1i", "v2i")], ber$trial), as.matrix)))
kal_V <- as.matrix(vcalc(vi, cluster = study, type = outcome, rho = 0.66, data = kal))
row <- function(d) seq_len(nrow(d))

cases <- list(
  run("invented", inv$yi, list(inv$study, row(inv)), v = inv$vi, profile = TRUE),
  run("invented_mods", inv$yi, list(inv$study, row(inv)), v = inv$vi, X = inv_x),
  run("invented_dummy", inv$yi, list(inv$study, row(inv)), v = inv$vi,
      X = cbind(third = as.numeric(inv$study == 3))),
  run("invented_dummies", inv$yi, list(inv$study, row(inv)), v = inv$vi,
      X = cbind(third = as.numeric(inv$study == 3), log_m = log(inv$m))),
  run("invented_che", inv$yi, list(inv$study, row(inv)),
      V = constant(inv$vi, inv$sample, .6)),
  run("mibs", mibs$yi, list(mibs$study_id, row(mibs)), v = mibs$vi, test = "z",
      profile = TRUE, source = "data/mibs_demir2022.csv"),
  run("konstantopoulos", kon$yi, list(kon$district, kon$school), v = kon$vi, profile = TRUE,
      source = "metadat dat.konstantopoulos2011"),
  run("konstantopoulos_ml", kon$yi, list(kon$district, kon$school), v = kon$vi,
      X = cbind(year = kon$year), method = "ML", test = "z",
      source = "metadat dat.konstantopoulos2011"),
  run("konstantopoulos_outer", kon$yi, list(kon$district), v = kon$vi, profile = TRUE,
      source = "metadat dat.konstantopoulos2011"),
  run("assink", ass$yi, list(ass$study, ass$esid), v = ass$vi, source = "metadat dat.assink2016"),
  run("assink_mods", ass$yi, list(ass$study, ass$esid), v = ass$vi,
      X = cbind(overt = as.numeric(ass$deltype == "overt"),
                covert = as.numeric(ass$deltype == "covert"), year = ass$year),
      source = "metadat dat.assink2016"),
  run("assink_che", ass$yi, list(ass$study, ass$esid), V = constant(ass$vi, ass$study, .6),
      source = "metadat dat.assink2016"),
  run("crede_three", cre$yi, list(cre$studyid, cre$sampleid, row(cre)), v = cre$vi,
      profile = TRUE, source = "metadat dat.crede2010"),
  run("kalaian", kal$yi, list(kal$study, row(kal)), V = kal_V,
      X = cbind(verbal = as.numeric(kal$outcome == "verbal")), method = "ML",
      source = "metadat dat.kalaian1996"),
  run("berkey", ber$yi, list(ber$trial, row(ber)), V = berkey_V,
      X = cbind(PD = as.numeric(ber$outcome == "PD")), source = "metadat dat.berkey1998"),
  run("two", c(1.2, 2.1), list(1:2), v = c(.04, .09), robust = FALSE),
  run("equal_vi", c(.2, .5, .9, 1.4, 1.1, .7), list(c(1, 1, 2, 2, 3, 3), 1:6), v = rep(.05, 6)),
  run("no_heterogeneity", c(1, 1.02, .98, 1.01, .99, 1.03), list(c(1, 1, 2, 2, 3, 4), 1:6),
      v = c(.2, .1, .3, .15, .25, .1)),
  run("perfect", 1:6, list(c(1, 1, 2, 2, 3, 3), 1:6), v = c(.1, .2, .1, .3, .2, .1),
      X = cbind(x = 1:6), robust = FALSE),
  run("imbalance", c(1.1, 2.4, .7, 1.9, 3, 1, 2.2, 1.4, 1.6, 1.2, 2.9),
      list(c(1, 1, 1, 1, 1, 1, 1, 2, 3, 4, 4), 1:11),
      v = c(1e-5, .5, .02, 4, .9, 1e-4, .3, .1, .05, .2, .4)))
out <- list(
  source = list(
    R = R.version.string, metafor = as.character(packageVersion("metafor")),
    metadat = as.character(packageVersion("metadat")),
    clubSandwich = as.character(packageVersion("clubSandwich")),
    call = paste("rma.mv(yi, V, mods = X, random = ~ 1 | g1/g2, method, test, sigma2 = converged);",
                 "vcovCR(type = 'CR2'), coef_test, conf_int, Wald_test(test = 'HTZ')")),
  cases = cases)
write_json(out, "tests/reference/multilevel_metafor.json", digits = 17, auto_unbox = TRUE,
           na = "null", null = "null")
for (case in cases) {
  cat(sprintf("%-22s %s | metafor %s\n", case$name, paste(signif(case$sigma2, 8), collapse = " "),
              paste(signif(case$sigma2_metafor, 8), collapse = " ")))
}
