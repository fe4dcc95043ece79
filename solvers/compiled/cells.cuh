// What happens in one cell (or on one face), in double precision: the text of every fused kernel.
//
// Three compilers read it: CuPy's on a device at run time, NVRTC for real architectures in the tests, and a C++ compiler
// of the host, which runs it there against the array passes. Threads share nothing and write their own cell only.
// Sums are added in the order of the array passes, and products are not contracted (--fmad=false): kernels of sums and
// products alone give the bits of the host. Indices are int: whoever calls keeps to arrays below 2^31 entries.

#define CELL static __device__ __forceinline__
#define KERNEL extern "C" __global__ void __launch_bounds__(256)
#define TINY 2.2250738585072014e-308
#ifndef HUGE_VAL
#define HUGE_VAL __longlong_as_double(0x7ff0000000000000LL)
#endif
#define NUMBER_OF_THREAD(count)                                          \
    const unsigned number = blockIdx.x * blockDim.x + threadIdx.x;       \
    if (number >= (unsigned)(count)) return;                             \
    const int i = (int)number;

// ---- matrices of a few diagonals: values[d, j] = A[j - offsets[d], j], read in rows first[d] <= i < last[d] ----

CELL double row_times(int i, int cells, int diagonals, const int* offsets, const int* first, const int* last,
                      const double* values, const double* x)
{
    double total = 0.0;
    for (int d = 0; d < diagonals; ++d)
        if (first[d] <= i && i < last[d]) {
            const int j = i + offsets[d];
            total += values[(long long)d * cells + j] * x[j];
        }
    return total;
}

// out = A x
KERNEL banded_product(int cells, int diagonals, const int* offsets, const int* first, const int* last,
                      const double* values, const double* x, double* out)
{
    NUMBER_OF_THREAD(cells)
    out[i] = row_times(i, cells, diagonals, offsets, first, last, values, x);
}

// out = scale (A + shift - losses) now - back before: one term of a recurrence; `before` is read where back is not 0
KERNEL recurrence(int cells, int diagonals, const int* offsets, const int* first, const int* last,
                  const double* values, double shift, double scale, double back, const double* losses,
                  const double* now, const double* before, double* out)
{
    NUMBER_OF_THREAD(cells)
    const double total = row_times(i, cells, diagonals, offsets, first, last, values, now);
    const double next = scale * (total + (shift - losses[i]) * now[i]);
    out[i] = back == 0.0 ? next : next - back * before[i];
}

// ---- sums of several arrays; only the first `count` are read ----

// total[j, i] += sum_k weights[j, k] v_k[i], weights of shape (sums, count)
KERNEL gather(int cells, int sums, int count, const double* weights, const double* v0, const double* v1,
              const double* v2, const double* v3, const double* v4, const double* v5, const double* v6,
              const double* v7, double* total)
{
    NUMBER_OF_THREAD(cells)
    const double v[8] = {v0[i],
                         count > 1 ? v1[i] : 0.0,
                         count > 2 ? v2[i] : 0.0,
                         count > 3 ? v3[i] : 0.0,
                         count > 4 ? v4[i] : 0.0,
                         count > 5 ? v5[i] : 0.0,
                         count > 6 ? v6[i] : 0.0,
                         count > 7 ? v7[i] : 0.0};
    for (int j = 0; j < sums; ++j) {
        double sum = 0.0;
#pragma unroll
        for (int k = 0; k < 8; ++k)
            if (k < count) sum += weights[j * count + k] * v[k];
        total[(long long)j * cells + i] += sum;
    }
}

// out = w0 s0 + w1 s1 + ...: a stage of a Runge-Kutta method
KERNEL combination(int cells, int count, double w0, double w1, double w2, double w3, double w4, double w5, double w6,
                   const double* s0, const double* s1, const double* s2, const double* s3, const double* s4,
                   const double* s5, const double* s6, double* out)
{
    NUMBER_OF_THREAD(cells)
    double total = w0 * s0[i];
    if (count > 1) total = total + w1 * s1[i];
    if (count > 2) total = total + w2 * s2[i];
    if (count > 3) total = total + w3 * s3[i];
    if (count > 4) total = total + w4 * s4[i];
    if (count > 5) total = total + w5 * s5[i];
    if (count > 6) total = total + w6 * s6[i];
    out[i] = total;
}

// ---- means on faces ----

// (a - b) / (log a - log b) for numbers >= 0: the formulas of `means.logarithmic_mean`
CELL double logarithmic_mean_of(double a, double b)
{
    const double huge = 1e300;
    if (!(a == a && b == b)) return a + b;
    const double low = a < b ? a : b, high = a < b ? b : a, gap = high - low;
    const double least = high / huge;
    double floor = low > least ? low : least;
    floor = floor > TINY ? floor : TINY;
    const double logarithm = log1p(gap / floor);
    const bool apart = logarithm > 0.0;
    if (low < least || (low < TINY && apart)) return low > 0.0 ? gap / (log(high) - log(low)) : 0.0;
    return apart ? gap / logarithm : high;
}

KERNEL logarithmic_mean(int faces, const double* a, const double* b, double* out)
{
    NUMBER_OF_THREAD(faces)
    out[i] = logarithmic_mean_of(a[i], b[i]);
}

// ---- power divergences: the formulas of `energies.divergences`, with r = log s, s = density / target ----

// log s: by the rounded quotient and what rounding lost where neither number is extreme; else through s - 1 where
// |s - 1| <= 1/2, and in logarithms where not
CELL double log_ratio_of(double density, double target, double log_target)
{
    const double small = 1e-140, large = 1e140, gap = density - target;
    if (density > small && density < large && target > small && target < large) {
        const double ratio = density / target;
        return log(ratio) + (gap / target - (ratio - 1.0)) / (ratio > 1.0 ? ratio : 1.0);
    }
    if (target > TINY && fabs(gap) <= target / 2.0) return log1p(gap / target);
    return density > 0.0 ? log(density) - log_target : -HUGE_VAL;
}

KERNEL log_ratio(int cells, const double* density, const double* target, const double* log_target, double* out)
{
    NUMBER_OF_THREAD(cells)
    out[i] = log_ratio_of(density[i], target[i], log_target[i]);
}

// (e^x - 1 - x) / x^2, by its series for |x| < 1
CELL double second_tail(double x)
{
    if (!(fabs(x) < 1.0)) return (expm1(x) - x) / (x * x);
    double series = 1.0 + x / 19.0;
    for (int k = 18; k > 2; --k) series = 1.0 + series * x / (double)k;
    return series / 2.0;
}

// pi phi_p(s); where |r| is below `moderate` (and the target no underflow) without cancellation, else in logarithms
CELL double integrand_of(double p, double moderate, double largest, double density, double target, double log_target)
{
    const double ratio = log_ratio_of(density, target, log_target);
    if (target > TINY && fabs(ratio) < moderate) {
        const double q = p > 0.5 ? 1.0 - p : p, r = p > 0.5 ? -ratio : ratio, weight = p > 0.5 ? density : target;
        return weight * r * r * (second_tail(r) - q * second_tail(q * r)) / (1.0 - q);
    }
    if (p == 1.0) return density * (density > 0.0 ? ratio : 0.0) - density + target;
    if (p == 0.0) return density - target - target * ratio;
    const double exponent = p * ratio + log_target;
    const double power = exponent > largest ? HUGE_VAL : exp(exponent);
    return (power - p * density + (p - 1.0) * target) / (p * (p - 1.0));
}

KERNEL integrand(int cells, double p, double moderate, double largest, const double* density, const double* target,
                 const double* log_target, double* out)
{
    NUMBER_OF_THREAD(cells)
    out[i] = integrand_of(p, moderate, largest, density[i], target[i], log_target[i]);
}

// ---- fluxes on the faces of a mesh of n0 x n1 x n2 cells (missing axes have one) ----
// Faces go axis after axis, those of an axis in the order of the cells on their left, the seam of a periodic axis last.
// widths: those of axis 0, then axis 1, then axis 2.

// The place of a cell on one axis: its number there, and the faces above and below, or -1 at a wall.
struct Place { int number, above, below; };

CELL Place place_on(int i, int n, int stride, int periodic, int base)
{
    const int number = (i / stride) % n, faces = periodic ? n : n - 1;
    const int line = base + (i / (stride * n)) * faces * stride + i % stride;
    Place place;
    place.number = number;
    place.above = number < faces ? line + number * stride : -1;
    place.below = number > 0 ? line + (number - 1) * stride : periodic ? line + (n - 1) * stride : -1;
    return place;
}

CELL double net_flux(int i, int n, int stride, int periodic, int base, const double* width, const double* flux)
{
    const Place place = place_on(i, n, stride, periodic, base);
    const double out = place.above < 0 ? 0.0 : flux[place.above];
    const double in = place.below < 0 ? 0.0 : flux[place.below];
    return (out - in) / width[place.number];
}

// The same for the flux m grad f, the difference quotient between the centres.
CELL double net_diffusion(int i, int n, int stride, int periodic, int base, const double* width, const double* mobility,
                          const double* f)
{
    const Place place = place_on(i, n, stride, periodic, base);
    const int k = place.number, next = k + 1 < n ? k + 1 : 0, last = k > 0 ? k - 1 : n - 1;
    double out = 0.0, in = 0.0;
    if (place.above >= 0) {
        const double slope = (f[i + (next - k) * stride] - f[i]) / (0.5 * (width[k] + width[next]));
        out = mobility[place.above] * slope;
    }
    if (place.below >= 0) {
        const double slope = (f[i] - f[i + (last - k) * stride]) / (0.5 * (width[last] + width[k]));
        in = mobility[place.below] * slope;
    }
    return (out - in) / width[k];
}

#define FACES(n, other, periodic) (((periodic) ? (n) : (n) - 1) * (other))

// out = net outflow per volume
KERNEL flux_divergence(int cells, int n0, int n1, int n2, int periodic0, int periodic1, int periodic2,
                       const double* widths, const double* flux, double* out)
{
    NUMBER_OF_THREAD(cells)
    const int faces0 = FACES(n0, n1 * n2, periodic0), faces1 = FACES(n1, n0 * n2, periodic1);
    double total = net_flux(i, n0, n1 * n2, periodic0, 0, widths, flux);
    if (n1 > 1) total += net_flux(i, n1, n2, periodic1, faces0, widths + n0, flux);
    if (n2 > 1) total += net_flux(i, n2, 1, periodic2, faces0 + faces1, widths + n0 + n1, flux);
    out[i] = total;
}

// out = div (m grad f)
KERNEL diffusion(int cells, int n0, int n1, int n2, int periodic0, int periodic1, int periodic2, const double* widths,
                 const double* mobility, const double* f, double* out)
{
    NUMBER_OF_THREAD(cells)
    const int faces0 = FACES(n0, n1 * n2, periodic0), faces1 = FACES(n1, n0 * n2, periodic1);
    double total = net_diffusion(i, n0, n1 * n2, periodic0, 0, widths, mobility, f);
    if (n1 > 1) total += net_diffusion(i, n1, n2, periodic1, faces0, widths + n0, mobility, f);
    if (n2 > 1) total += net_diffusion(i, n2, 1, periodic2, faces0 + faces1, widths + n0 + n1, mobility, f);
    out[i] = total;
}

// out = difference quotients between the centres of the two cells of a face
KERNEL gradient(int faces, int n0, int n1, int n2, int periodic0, int periodic1, int periodic2, const double* widths,
                const double* f, double* out)
{
    NUMBER_OF_THREAD(faces)
    const int faces0 = FACES(n0, n1 * n2, periodic0), faces1 = FACES(n1, n0 * n2, periodic1);
    const bool first = i < faces0, second = !first && i < faces0 + faces1;
    const int n = first ? n0 : second ? n1 : n2, stride = first ? n1 * n2 : second ? n2 : 1;
    const int line = first ? i : second ? i - faces0 : i - faces0 - faces1;
    const int around = first ? periodic0 : second ? periodic1 : periodic2, count = around ? n : n - 1;
    const double* width = first ? widths : second ? widths + n0 : widths + n0 + n1;
    const int place = (line / stride) % count, next = place + 1 < n ? place + 1 : 0;
    const int left = (line / (stride * count)) * n * stride + place * stride + line % stride;
    const int right = left + (next - place) * stride;
    out[i] = (f[right] - f[left]) / (0.5 * (width[place] + width[next]));
}
