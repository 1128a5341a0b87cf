/* SPDX-License-Identifier: MIT */
/*
 * keys.c - keys in a row, drawn uniformly or by Zipf's law.
 *
 * Zipf by rejection-inversion: W. Hormann, G. Derflinger, "Rejection-inversion to generate variates from monotone
 * discrete distributions", ACM TOMACS 6(3), 1996. With the density h(x) = x^-exponent and H an integral of h, a point
 * drawn uniformly between H(1.5) - 1 and H(count + 0.5) is taken back through H and rounded to a key; it is rejected where
 * the bar of that key is lower than the area under h.
 */
#include "load/keys.h"

#include <math.h>

#include "base/random.h"

/* log1p(x)/x and expm1(x)/x, which are 1 at 0. */
static double log1p_over(double x)
{
    return fabs(x) > 1e-8 ? log1p(x) / x : 1 - x * (0.5 - x / 3);
}

static double expm1_over(double x)
{
    return fabs(x) > 1e-8 ? expm1(x) / x : 1 + x * (0.5 + x / 6);
}

static double density(double exponent, double x)
{
    return exp(-exponent * log(x));
}

static double integral(double exponent, double x)
{
    double logarithm = log(x);
    return expm1_over((1 - exponent) * logarithm) * logarithm;
}

static double inverse_of_integral(double exponent, double y)
{
    double t = fmax(y * (1 - exponent), -1); /* below -1 by rounding only */
    return exp(log1p_over(t) * y);
}

void keys_init(struct keys *self, uint64_t first, uint64_t count, double exponent)
{
    *self = (struct keys){.first = first, .count = count, .exponent = exponent};
    self->integral_low = integral(exponent, 1.5) - 1;
    self->integral_high = integral(exponent, (double)count + 0.5);
    /* Within this distance of a key no rejection is needed. */
    self->near = 2 - inverse_of_integral(exponent, integral(exponent, 2.5) - density(exponent, 2));
}

/* In [0, 1). */
static double draw_fraction(void)
{
    return (double)(fr_random_u64() >> 11) * 0x1p-53;
}

static uint64_t draw_zipf(const struct keys *self)
{
    for (;;) {
        double y = self->integral_high + draw_fraction() * (self->integral_low - self->integral_high);
        double x = inverse_of_integral(self->exponent, y);
        double key = fmin(fmax(floor(x + 0.5), 1), (double)self->count);
        if (key - x <= self->near ||
            y >= integral(self->exponent, key + 0.5) - density(self->exponent, key)) {
            return (uint64_t)key;
        }
    }
}

uint64_t keys_draw(const struct keys *self)
{
    return self->first + (self->exponent > 0 ? draw_zipf(self) - 1 : fr_random_below(self->count));
}
