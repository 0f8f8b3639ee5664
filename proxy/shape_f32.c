/* Decimal text to binary32 and back, in integers: no floating point is at hand here. */
#include "proxy/shape.h"

#include <string.h>

/* A number at the midpoint between two neighbours has at most 113 significant digits (25 bits
   times 5^150), so of more digits only matters whether one of them is not 0. */
enum { MAX_DIGITS = 120 };

/* Numbers of up to 1280 bits, lowest limb first, without zeros on top. The largest that occur
   are 121 digits shifted by 149 bits, and 5^166. */
enum { MAX_LIMBS = 40 };
typedef struct big {
    uint32_t len;
    uint32_t limb[MAX_LIMBS];
} big;

static void big_mul_add(big *b, uint32_t factor, uint32_t add)
{
    uint64_t carry = add;
    for (uint32_t i = 0; i < b->len; i++) {
        carry += (uint64_t)b->limb[i] * factor;
        b->limb[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry > 0 && b->len < MAX_LIMBS) b->limb[b->len++] = (uint32_t)carry;
}

/* Times 5^n. */
static void big_mul_5(big *b, uint32_t n)
{
    for (; n >= 13; n -= 13) big_mul_add(b, 1220703125u, 0);
    for (; n > 0; n--) big_mul_add(b, 5, 0);
}

static uint32_t big_bits(const big *b)
{
    uint32_t n = 0, top = b->len > 0 ? b->limb[b->len - 1] : 0;
    while (top > 0) {
        n++;
        top >>= 1;
    }
    return b->len > 0 ? 32 * (b->len - 1) + n : 0;
}

static void big_shift(big *b, uint32_t n)
{
    uint32_t whole = n / 32, rest = n % 32;
    if (b->len == 0) return;
    if (rest > 0) big_mul_add(b, (uint32_t)1 << rest, 0);
    if (whole == 0 || b->len + whole > MAX_LIMBS) return;
    memmove(b->limb + whole, b->limb, b->len * sizeof b->limb[0]);
    memset(b->limb, 0, whole * sizeof b->limb[0]);
    b->len += whole;
}

static int big_compare(const big *a, const big *b)
{
    if (a->len != b->len) return a->len < b->len ? -1 : 1;
    for (uint32_t i = a->len; i-- > 0;)
        if (a->limb[i] != b->limb[i]) return a->limb[i] < b->limb[i] ? -1 : 1;
    return 0;
}

/* a -= b, which is not larger. */
static void big_subtract(big *a, const big *b)
{
    uint64_t borrow = 0;
    for (uint32_t i = 0; i < a->len; i++) {
        uint64_t d = (uint64_t)a->limb[i] - (i < b->len ? b->limb[i] : 0) - borrow;
        a->limb[i] = (uint32_t)d;
        borrow = d >> 63;
    }
    while (a->len > 0 && a->limb[a->len - 1] == 0) a->len--;
}

/* num / den, a quotient of at most 64 bits. num becomes the rest; it and den are shifted alike. */
static uint64_t big_divide(big *num, big *den)
{
    uint32_t n = big_bits(num), d = big_bits(den), shift = n > d ? n - d : 0;
    uint64_t q = 0;
    big_shift(den, shift);
    for (uint32_t i = 0; i <= shift; i++) { /* a bit of the quotient each time */
        if (i > 0) big_shift(num, 1);
        q <<= 1;
        if (big_compare(num, den) < 0) continue;
        big_subtract(num, den);
        q |= 1;
    }
    return q;
}

/* ---- reading ---- */

/* The digits of a number without leading zeros: their value is digits * 10^exponent. */
typedef struct decimal {
    bool     negative;
    bool     more;  /* further digits that are not 0 were left out */
    uint32_t num;
    char     digit[MAX_DIGITS];
    int64_t  exponent;
} decimal;

static void take_digit(decimal *d, char c, bool fraction)
{
    if (fraction) d->exponent--;
    if (d->num == 0 && c == '0') return;
    if (d->num < MAX_DIGITS) {
        d->digit[d->num++] = (char)(c - '0');
        return;
    }
    d->exponent++;
    d->more = d->more || c != '0';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Digits up to the first other character; false: none. */
static bool take_digits(decimal *d, const char **p, const char *end, bool fraction)
{
    const char *start = *p;
    for (; *p < end && is_digit(**p); (*p)++) take_digit(d, **p, fraction);
    return *p > start;
}

static bool read_exponent(decimal *d, const char *p, const char *end)
{
    int64_t n = 0;
    bool    negative = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+')) p++;
    if (p == end) return false;
    for (; p < end && is_digit(*p); p++)
        if (n < INT32_MAX) n = n * 10 + (*p - '0'); /* more would not change the result */
    d->exponent += negative ? -n : n;
    return p == end;
}

static bool read_decimal(or_str s, decimal *d)
{
    const char *p = s.ptr, *end = s.ptr + s.len;
    d->negative = d->more = false;
    d->num = 0;
    d->exponent = 0;
    if (p < end && *p == '-') {
        d->negative = true;
        p++;
    }
    if (!take_digits(d, &p, end, false)) return false;
    if (p < end && *p == '.') {
        p++;
        if (!take_digits(d, &p, end, true)) return false;
    }
    if (p == end) return true;
    return (*p == 'e' || *p == 'E') && read_exponent(d, p + 1, end);
}

/* q * 2^exponent, with something behind it when `rest`, to the nearest. q has at least 25
   bits, or everything is in it. */
static or_err round_bits(uint64_t q, int32_t exponent, bool rest, uint32_t *bits)
{
    uint32_t drop = 0, size = 0;
    for (uint64_t n = q; n > 0; n >>= 1) size++;
    if (size > 24) drop = size - 24;
    if (exponent + (int32_t)drop < -149) drop = (uint32_t)(-149 - exponent); /* subnormal */
    if (drop > 63) {
        *bits = 0;
        return OR_OK;
    }
    uint64_t kept = q >> drop;
    if (drop > 0) {
        uint64_t half = (uint64_t)1 << (drop - 1), low = q & (half * 2 - 1);
        if (low > half || (low == half && (rest || (kept & 1) != 0))) kept++;
    }
    exponent += (int32_t)drop;
    while (kept < 0x800000 && exponent > -149 && kept > 0) { /* exact and short, such as 1 */
        kept <<= 1;
        exponent--;
    }
    if (kept == 0x1000000) {
        kept >>= 1;
        exponent++;
    }
    if (kept >= 0x800000 && exponent + 150 >= 255) return OR_ERR_RANGE;
    *bits = kept < 0x800000 ? (uint32_t)kept
                            : (uint32_t)kept - 0x800000 + ((uint32_t)(exponent + 150) << 23);
    return OR_OK;
}

static uint64_t power_of_5(uint32_t n)
{
    uint64_t p = 1;
    while (n-- > 0) p *= 5;
    return p;
}

/* Nearly all numbers: at most 19 digits, and an exponent from -27 to 0, so that digits and
   5^-exponent fit into 64 bits. value = digits / 5^n / 2^n. */
static or_err read_short(const decimal *d, uint32_t *bits)
{
    uint32_t n = (uint32_t)-d->exponent, q = 0;
    uint64_t num = 0, den = power_of_5(n);
    int32_t  exponent = -(int32_t)n;
    for (uint32_t i = 0; i < d->num; i++) num = num * 10 + (uint64_t)d->digit[i];
    if (n == 0) return round_bits(num, 0, false, bits);
    while (num >> 63 == 0) {
        num <<= 1;
        exponent--;
    }
    while (den >> 63 == 0) {
        den <<= 1;
        exponent++;
    }
    for (int i = 0; i < 32; i++) { /* long division: a bit of the quotient each time */
        bool carry = false;
        if (i > 0) {
            carry = num >> 63 != 0;
            num <<= 1;
            exponent--;
        }
        q <<= 1;
        if (!carry && num < den) continue;
        num -= den;
        q |= 1;
    }
    return round_bits(q, exponent, num != 0, bits);
}

static or_err read_long(const decimal *d, uint32_t *bits)
{
    big     num, den;
    int32_t exponent = (int32_t)d->exponent, shift;
    num.len = 0;
    den.len = 1;
    den.limb[0] = 1;
    for (uint32_t i = 0; i < d->num; i++) {
        big_mul_add(&num, 10, (uint32_t)d->digit[i]);
    }
    if (exponent > 0)
        big_mul_5(&num, (uint32_t)exponent);
    else
        big_mul_5(&den, (uint32_t)-exponent);
    /* a quotient of 30 or 31 bits, whose lowest stands for 2^(exponent - shift) */
    shift = 30 - ((int32_t)big_bits(&num) - (int32_t)big_bits(&den));
    if (shift > 0)
        big_shift(&num, (uint32_t)shift);
    else
        big_shift(&den, (uint32_t)-shift);
    uint64_t q = big_divide(&num, &den);
    return round_bits(q, exponent - shift, num.len > 0 || d->more, bits);
}

or_err shape_f32_read(or_str number, uint32_t *bits)
{
    decimal d;
    or_err  e = OR_OK;
    if (number.len == 0 || !read_decimal(number, &d)) return OR_ERR_ARG;
    int64_t magnitude = d.exponent + d.num; /* 0.1 * 10^magnitude <= value < 10^magnitude */
    *bits = 0;
    if (d.num > 0 && magnitude > 39) return OR_ERR_RANGE;
    if (d.num > 0 && magnitude >= -45)
        e = d.num <= 19 && d.exponent <= 0 && d.exponent >= -27 ? read_short(&d, bits)
                                                                : read_long(&d, bits);
    if (d.negative) *bits |= 0x80000000u;
    return e;
}

/* ---- writing ---- */

/* m * 5^scale * 2^two to the nearest, ties to even: where 64 bits suffice, as for most. */
static uint64_t scale_short(uint32_t m, int32_t scale, int32_t two)
{
    uint64_t n = m * power_of_5((uint32_t)scale), q = n >> -two;
    if (two == 0) return n;
    uint64_t half = (uint64_t)1 << (-two - 1), low = n & (half * 2 - 1);
    return q + (low > half || (low == half && (q & 1) != 0));
}

static uint64_t scale_long(uint32_t m, int32_t scale, int32_t two)
{
    big num, den;
    num.len = den.len = 1;
    num.limb[0] = m;
    den.limb[0] = 1;
    big_mul_5(scale > 0 ? &num : &den, (uint32_t)(scale > 0 ? scale : -scale));
    big_shift(two > 0 ? &num : &den, (uint32_t)(two > 0 ? two : -two));
    uint64_t q = big_divide(&num, &den);
    big_shift(&num, 1);
    int half = big_compare(&num, &den);
    return q + (half > 0 || (half == 0 && (q & 1) != 0));
}

/* The 9 significant digits of m * 2^e, m not 0, rounded; *point: how many of them stand before
   the decimal point. */
static uint32_t nine_digits(uint32_t m, int32_t e, int32_t *point)
{
    int32_t  log2 = e - 1, ten;
    uint64_t q;
    for (uint32_t n = m; n > 0; n >>= 1) log2++;
    /* the value is at least 2^log2; 30103 / 100000 is log10 of 2 */
    for (ten = log2 * 30103 / 100000 - (log2 < 0);; ten++) {
        int32_t scale = 8 - ten, two = e + scale;
        bool    fits = scale >= 0 && scale <= 17 && two <= 0 && two > -64;
        q = fits ? scale_short(m, scale, two) : scale_long(m, scale, two);
        if (q < 1000000000) break; /* else one digit too many */
    }
    *point = ten + 1;
    return (uint32_t)q;
}

/* digits (num of them) with the point behind the first `point`: as people write it. */
static or_err put_decimal(or_buf *out, bool negative, const char *digits, int32_t num,
                          int32_t point)
{
    if (negative) or_buf_put_char(out, '-');
    if (point > 9 || point < -5) {
        or_buf_put_char(out, digits[0]);
        if (num > 1) or_buf_put_char(out, '.');
        or_buf_put(out, digits + 1, (size_t)(num - 1));
        or_buf_put_char(out, 'e');
        return or_buf_put_i64(out, point - 1);
    }
    if (point <= 0) or_buf_put_str(out, OR_STR("0."));
    for (int32_t i = point; i < 0; i++) or_buf_put_char(out, '0');
    for (int32_t i = 0; i < num || i < point; i++) {
        if (i == point && i > 0) or_buf_put_char(out, '.');
        or_buf_put_char(out, i < num ? digits[i] : '0');
    }
    return out->err;
}

/* The digits of n without zeros at the end; returns how many. */
static int32_t split(uint32_t n, char digits[10])
{
    int32_t num = 0;
    char    back[10];
    for (; n > 0; n /= 10) back[num++] = (char)('0' + n % 10);
    for (int32_t i = 0; i < num; i++) digits[i] = back[num - 1 - i];
    while (num > 1 && digits[num - 1] == '0') num--;
    return num;
}

static or_err put_all(or_buf *out, bool negative, uint32_t n, int32_t point)
{
    char    digits[10];
    int32_t num = split(n, digits);
    return put_decimal(out, negative, digits, num, point);
}

or_err shape_f32_put(or_buf *out, uint32_t bits)
{
    uint32_t m = bits & 0x7FFFFF, biased = bits >> 23 & 0xFF, power = 1, again;
    int32_t  e = biased > 0 ? (int32_t)biased - 150 : -149, point, shorter;
    bool     negative = bits >> 31 != 0;
    if (biased == 255) {
        if (out->err == OR_OK) out->err = OR_ERR_RANGE;
        return out->err;
    }
    if (biased > 0) m |= 0x800000;
    if (m == 0) return or_buf_put_str(out, negative ? OR_STR("-0.0") : OR_STR("0"));
    uint32_t n = nine_digits(m, e, &point), best = n;
    int32_t  best_point = point;
    for (int tries = 0; tries < 8; tries++) { /* fewer, as long as it reads back the same */
        char     mem[32];
        or_buf   text;
        uint32_t step = power * 10, cut = (n + step / 2) / step * step;
        shorter = point;
        if (cut >= 1000000000) {
            cut /= 10;
            shorter++;
        }
        or_buf_init(&text, mem, sizeof mem);
        put_all(&text, negative, cut, shorter);
        if (shape_f32_read(or_buf_str(&text), &again) != OR_OK || again != bits) break;
        best = cut;
        best_point = shorter;
        power = step;
    }
    return put_all(out, negative, best, best_point);
}
