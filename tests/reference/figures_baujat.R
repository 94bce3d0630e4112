# Values that metafor draws: Baujat and radial plots. Writes figures_baujat.json.
suppressMessages({library(metafor); library(metadat); library(jsonlite)})

control <- list(threshold = 1e-12, maxiter = 1000)
data <- dat.bonett2010
data <- escalc(measure = "ABT", ai = ai, mi = mi, ni = ni, data = data)
data$place <- seq_len(nrow(data))

pdf(NULL)
draw <- function(fit, center) {
  b <- baujat(fit)
  out <- list(baujat_x = b$x, baujat_y = b$y)
  if (center) {
    r <- radial(fit, center = TRUE)
    out$radial_x <- r$x
    out$radial_y <- r$y
  }
  out
}
cases <- list(
  mean_knha = draw(rma(yi, vi, data = data, test = "knha", control = control), TRUE),
  mean_wald = draw(rma(yi, vi, data = data, method = "DL", control = control), TRUE),
  moderator_knha = draw(
    rma(yi, vi, mods = ~ place, data = data, test = "knha", control = control), FALSE
  )
)
invisible(dev.off())
out <- list(
  source = list(
    r = R.version.string,
    metafor = as.character(packageVersion("metafor")),
    calls = c("baujat(rma(yi, vi, ...))", "radial(rma(yi, vi, ...), center = TRUE)"),
    data = "metadat::dat.bonett2010, measure = 'ABT'"
  ),
  data = list(
    ai = data$ai, mi = data$mi, ni = data$ni, order = data$place
  ),
  cases = cases
)
write(toJSON(out, digits = 17, auto_unbox = TRUE, pretty = TRUE), "figures_baujat.json")
