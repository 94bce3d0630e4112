# Writes published_data.json: data of worked examples whose results are published.
# Run in tests/reference: Rscript published_data.R
suppressMessages({library(metafor); library(metadat); library(jsonlite)})

effects <- function(d, ...) list(yi = as.numeric(d$yi), vi = as.numeric(d$vi), ...)
counts <- function(d) escalc(measure = "OR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = d)

rr <- escalc(measure = "RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg)
smooth <- with(dat.bcg, sum(tneg / tpos) / (13 * (tneg + tpos)) +
                        sum(cneg / cpos) / (13 * (cneg + cpos)))
stroke <- dat.normand1999
stroke$sd <- with(stroke, sqrt(((n1i - 1) * sd1i^2 + (n2i - 1) * sd2i^2) / (n1i + n2i - 2)))
stroke <- escalc(measure = "MD", m1i = m1i, sd1i = sd, n1i = n1i, m2i = m2i, sd2i = sd,
                 n2i = n2i, data = stroke)
clasp <- escalc(measure = "OR", ai = c(5, 5, 12, 69, 9, 313),
                n1i = c(156, 303, 565, 1570, 103, 4659),
                ci = c(8, 17, 9, 94, 11, 352), n2i = c(74, 303, 477, 1565, 105, 4650))
diuretics <- escalc(measure = "OR", ai = pre.xti, n1i = pre.nti, ci = pre.xci, n2i = pre.nci,
                    data = dat.collins1985b)
schools <- dat.konstantopoulos2011
or <- counts(dat.colditz1994)

data <- list(
  viechtbauer2005_1 = list(
    yi = c(-0.581, 0.530, 0.771, 1.031, 0.553, 0.295, 0.078, 0.573, -0.176, -0.232),
    vi = c(0.023, 0.052, 0.060, 0.115, 0.095, 0.203, 0.200, 0.211, 0.051, 0.040)),
  viechtbauer2005_2 = list(
    yi = c(0.100, -0.162, -0.090, -0.049, -0.046, -0.010, -0.431, -0.261, 0.134, 0.019,
           0.175, 0.056, 0.045, 0.103, 0.121, -0.482, 0.290, 0.342),
    vi = c(0.016, 0.015, 0.050, 0.050, 0.032, 0.052, 0.036, 0.024, 0.034, 0.033, 0.031,
           0.034, 0.039, 0.167, 0.134, 0.096, 0.016, 0.035)),
  berkey1995 = list(yi = as.numeric(rr$yi), vi = smooth, ablat = dat.bcg$ablat),
  normand1999 = effects(stroke),
  dersimonian2007 = effects(clasp),
  viechtbauer2007 = effects(diuretics),
  vanhouwelingen2002 = effects(or, ablat = or$ablat),
  konstantopoulos2011 = effects(schools, district = schools$district, study = schools$study,
                                year = schools$year),
  raudenbush1985 = effects(dat.raudenbush1985, weeks = dat.raudenbush1985$weeks))
writeLines(toJSON(list(
  source = list(R = R.version.string, metafor = as.character(packageVersion("metafor")),
                metadat = as.character(packageVersion("metadat")),
                call = "metadat's data; escalc() where the paper has counts or means"),
  data = data), auto_unbox = TRUE, digits = NA), "published_data.json")
