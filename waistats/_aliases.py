"""The names that metafor, psych, SPSS, MBESS and pingouin have for options of ours.

One table; every option goes through `waistats.errors.check_option`, which reads it.
Capitals do not count. An alias means the same thing, never something alike:
metafor's ``test="adhoc"`` or ``test="t"``, for example, are other tests than
Knapp-Hartung's and have no name here.
"""

ALIASES: dict[str, dict[str, str]] = {
    "measure": {
        "ABT": "bonett",  # metafor::escalc
        "AHW": "hakstian-whalen",
        "ARAW": "raw",
        "hakstian": "hakstian-whalen",
        "none": "raw",
        "fisher": "fisher-z",
    },
    "method": {
        "EE": "CE",  # metafor::rma
        "FE": "CE",
        "MP": "PM",
        "chi2": "DL",  # statsmodels.combine_effects
        "iterated": "PM",
        "paule-mandel": "PM",
        "dersimonian-laird": "DL",
        "hunter-schmidt": "HS",
        "maximum-likelihood": "ML",
    },
    "small_sample": {
        "knha": "knapp-hartung",  # metafor::rma(test=)
        "hksj": "knapp-hartung",
        "hk": "knapp-hartung",
        "z": "wald",
    },
    "ci": {
        "hakstian": "hakstian-whalen",
        "normal": "normal-theory",
        "boot": "bootstrap",
    },
    "form": {
        # McGraw and Wong (1996), as SPSS and pingouin name them; psych::ICC
        "ICC1": "1,1", "ICC2": "2,1", "ICC3": "3,1",
        "ICC1k": "1,k", "ICC2k": "2,k", "ICC3k": "3,k",
        "A,1": "2,1", "A,k": "2,k", "C,1": "3,1", "C,k": "3,k",
        "ICC(1)": "1,1", "ICC(k)": "1,k",
        "ICC(1,1)": "1,1", "ICC(1,k)": "1,k",
        "ICC(2,1)": "2,1", "ICC(2,k)": "2,k", "ICC(3,1)": "3,1", "ICC(3,k)": "3,k",
        "ICC(A,1)": "2,1", "ICC(A,k)": "2,k", "ICC(C,1)": "3,1", "ICC(C,k)": "3,k",
    },
    "coefficient": {
        "cronbach": "alpha",
        "cronbach_alpha": "alpha",
        "raw_alpha": "alpha",  # psych::alpha
        "std.alpha": "standardized_alpha",
        "omega_t": "omega_total",  # psych::omega
        "omega.tot": "omega_total",
        "omega_h": "omega_hierarchical",
        "kr-20": "kr20",
    },
    "missing": {
        "complete": "listwise",
        "complete.obs": "listwise",
        "pairwise.complete.obs": "pairwise",
        "fiml": "em",
    },
    "struct": {"unstructured": "UN"},
    "adjust": {"bh": "fdr_bh", "fdr": "fdr_bh", "by": "fdr_by"},
}  # fmt: skip
