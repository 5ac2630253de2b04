# Answers the questions of stats_cross.py: a case a line, "what|x...|y..."; 17 digits a number.
suppressPackageStartupMessages({
    library(exactRankTests)
    library(coin)
    library(diptest)
})
numbers <- function(text) scan(text = text, quiet = TRUE)
both <- function(less, greater) min(1, 2 * min(less, greater))
answer <- function(line) {
    part <- strsplit(line, "|", fixed = TRUE)[[1]]
    x <- numbers(part[2])
    y <- if (length(part) > 2) numbers(part[3]) else NULL
    switch(part[1],
        signed = {
            r <- wilcox.test(x, exact = TRUE, conf.int = TRUE, conf.level = .95)
            c(r$p.value, r$estimate, r$conf.int)
        },
        sum = {
            r <- wilcox.test(y, x, exact = TRUE, conf.int = TRUE, conf.level = .95)
            c(r$p.value, r$estimate, r$conf.int)
        },
        signed_ties = wilcox.exact(x, exact = TRUE)$p.value,
        signed_zeros = {
            zero <- rep(0, length(x))
            as.numeric(pvalue(wilcoxsign_test(x ~ zero, zero.method = "Pratt", distribution = "exact")))
        },
        sum_ties = both(
            wilcox.exact(x, y, exact = TRUE, alternative = "less")$p.value,
            wilcox.exact(x, y, exact = TRUE, alternative = "greater")$p.value
        ),
        sum_coin = {
            frame <- data.frame(v = c(x, y), g = factor(rep(1:2, c(length(x), length(y)))))
            as.numeric(pvalue(wilcox_test(v ~ g, frame, distribution = "exact")))
        },
        holm = p.adjust(x, "holm"),
        bh = p.adjust(x, "BH"),
        dip = dip(x)
    )
}
for (line in readLines(file("stdin"))) {
    cat(format(answer(line), digits = 17), "\n")
}
