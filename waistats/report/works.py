"""The works that a report cites."""

from collections.abc import Iterable

# how it is cited in the text -> the reference as APA 7 sets it, *italic* between stars;
# with its DOI where that was looked up
WORKS = {
    "Bonett, 2002": "Bonett, D. G. (2002). Sample size requirements for testing and "
    "estimating coefficient alpha. *Journal of Educational and Behavioral Statistics, "
    "27*(4), 335–340. https://doi.org/10.3102/10769986027004335",
    "Botella et al., 2010": "Botella, J., Suero, M., & Gambara, H. (2010). Psychometric "
    "inferences from a meta-analysis of reliability and internal consistency "
    "coefficients. *Psychological Methods, 15*(4), 386–397. "
    "https://doi.org/10.1037/a0019626",
    "Egger et al., 1997": "Egger, M., Davey Smith, G., Schneider, M., & Minder, C. "
    "(1997). Bias in meta-analysis detected by a simple, graphical test. *BMJ, "
    "315*(7109), 629–634.",
    "Hakstian & Whalen, 1976": "Hakstian, A. R., & Whalen, T. E. (1976). A k-sample "
    "significance test for independent alpha coefficients. *Psychometrika, 41*(2), "
    "219–231. "
    "https://doi.org/10.1007/BF02291840",
    "Hanson et al., 2002": "Hanson, W. E., Curry, K. T., & Bandalos, D. L. (2002). "
    "Reliability generalization of Working Alliance Inventory scale scores. *Educational "
    "and Psychological Measurement, 62*(4), 659–673.",
    "Holm, 1979": "Holm, S. (1979). A simple sequentially rejective multiple test "
    "procedure. *Scandinavian Journal of Statistics, 6*(2), 65–70.",
    "Jacobson & Truax, 1991": "Jacobson, N. S., & Truax, P. (1991). Clinical "
    "significance: A statistical approach to defining meaningful change in "
    "psychotherapy research. *Journal of Consulting and Clinical Psychology, 59*(1), "
    "12–19.",
    "Knapp & Hartung, 2003": "Knapp, G., & Hartung, J. (2003). Improved tests for a "
    "random effects meta-regression with a single covariate. *Statistics in Medicine, "
    "22*(17), 2693–2710. https://doi.org/10.1002/sim.1482",
    "Mokkink et al., 2018": "Mokkink, L. B., de Vet, H. C. W., Prinsen, C. A. C., "
    "Patrick, D. L., Alonso, J., Bouter, L. M., & Terwee, C. B. (2018). COSMIN Risk of "
    "Bias checklist for systematic reviews of patient-reported outcome measures. "
    "*Quality of Life Research, 27*(5), 1171–1179. "
    "https://doi.org/10.1007/s11136-017-1765-4",
    "Nunnally & Bernstein, 1994": "Nunnally, J. C., & Bernstein, I. H. (1994). "
    "*Psychometric theory* (3rd ed.). McGraw-Hill.",
    "Olkin et al., 2012": "Olkin, I., Dahabreh, I. J., & Trikalinos, T. A. (2012). GOSH "
    "– A graphical display of study heterogeneity. *Research Synthesis Methods, 3*(3), "
    "214–223.",
    "Paap et al., 2022": "Paap, D., Karel, Y. H. J. M., Verhagen, A. P., Dijkstra, "
    "P. U., Geertzen, J. H. B., & Pool, G. (2022). The Working Alliance Inventory’s "
    "measurement properties: A systematic review. *Frontiers in Psychology, 13*, "
    "Article 945294. "
    "https://doi.org/10.3389/fpsyg.2022.945294",
    "Page et al., 2021": "Page, M. J., McKenzie, J. E., Bossuyt, P. M., Boutron, I., "
    "Hoffmann, T. C., Mulrow, C. D., Shamseer, L., Tetzlaff, J. M., Akl, E. A., Brennan, "
    "S. E., Chou, R., Glanville, J., Grimshaw, J. M., Hróbjartsson, A., Lalu, M. M., Li, "
    "T., Loder, E. W., Mayo-Wilson, E., McDonald, S., . . . Moher, D. (2021). The PRISMA "
    "2020 statement: An updated guideline for reporting systematic reviews. *BMJ, 372*, "
    "Article n71.",
    "Prinsen et al., 2018": "Prinsen, C. A. C., Mokkink, L. B., Bouter, L. M., "
    "Alonso, J., Patrick, D. L., de Vet, H. C. W., & Terwee, C. B. (2018). COSMIN "
    "guideline for systematic reviews of patient-reported outcome measures. *Quality of "
    "Life Research, 27*(5), 1147–1157. https://doi.org/10.1007/s11136-018-1798-3",
    "Pustejovsky & Tipton, 2018": "Pustejovsky, J. E., & Tipton, E. (2018). "
    "Small-sample methods for cluster-robust variance estimation and hypothesis testing "
    "in fixed effects models. *Journal of Business & Economic Statistics, 36*(4), "
    "672–683. "
    "https://doi.org/10.1080/07350015.2016.1247004",
    "Sánchez-Meca et al., 2021": "Sánchez-Meca, J., Marín-Martínez, F., López-López, J. "
    "A., Núñez-Núñez, R. M., Rubio-Aparicio, M., López-García, J. J., López-Pina, J. A., "
    "Blázquez-Rincón, D. M., López-Ibáñez, C., & López-Nicolás, R. (2021). Improving the "
    "reporting quality of reliability generalization meta-analyses: The REGEMA "
    "checklist. *Research Synthesis Methods, 12*(4), 516–536. "
    "https://doi.org/10.1002/jrsm.1487",
    "Vacha-Haase, 1998": "Vacha-Haase, T. (1998). Reliability generalization: Exploring "
    "variance in measurement error affecting score reliability across studies. "
    "*Educational and Psychological Measurement, 58*(1), 6–20.",
    "Viechtbauer, 2005": "Viechtbauer, W. (2005). Bias and efficiency of meta-analytic "
    "variance estimators in the random-effects model. *Journal of Educational and "
    "Behavioral Statistics, 30*(3), 261–293.",
}


def cited(texts: Iterable[str]) -> list[str]:
    """Return the references of the works that texts cite, in alphabetical order."""
    whole = "\n".join(texts)
    return sorted(full for name, full in WORKS.items() if name in whole)
