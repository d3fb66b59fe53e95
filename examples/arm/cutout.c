/* Cuts a portrait out: photo.ppm -> cutout.ppm over one colour.
 *
 *   cutout photo.ppm cutout.ppm
 *
 * The photo is seen at 128 x 128 by the light dense network and the feathering block; a fast guided filter then takes the
 * matte to full size along the photo's edges. `classmat arm build` writes the weights.
 */
#include <stdio.h>
#include <stdlib.h>

#include "classmat.h"
#include "classmat_weights.h"

enum { SIZE = 128 };

static void *allocate(size_t bytes)
{
    void *memory = NULL;
    if (posix_memalign(&memory, 64, bytes)) {
        fputs("no memory\n", stderr);
        exit(1);
    }
    return memory;
}

static float *floats(size_t count) { return allocate(count * sizeof(float)); }

static size_t largest(size_t a, size_t b) { return a > b ? a : b; }

static float *read_ppm(const char *path, size_t *height, size_t *width)
{
    FILE *file = fopen(path, "rb");
    unsigned high = 0;
    if (!file || fscanf(file, "P6 %zu %zu %u", width, height, &high) != 3 || high != 255 || !*width || !*height
        || *width > 16384 || *height > 16384) {
        fprintf(stderr, "%s is not a PPM picture of 8 bits\n", path);
        exit(2);
    }
    fgetc(file);
    const size_t n = *height * *width * 3;
    unsigned char *bytes = allocate(n);
    if (fread(bytes, 1, n, file) != n) {
        fprintf(stderr, "%s is cut short\n", path);
        exit(2);
    }
    float *image = floats(n);
    for (size_t k = 0; k < n; k++)
        image[k] = bytes[k] / 255.0f;
    free(bytes), fclose(file);
    return image;
}

static void shrink(const float *photo, size_t height, size_t width, float *small) /* means of blocks, as in training */
{
    for (size_t k = 0; k < SIZE * SIZE * 3; k++) {
        const size_t y = k / 3 / SIZE * height / SIZE, below = largest(y + 1, (k / 3 / SIZE + 1) * height / SIZE);
        const size_t x = k / 3 % SIZE * width / SIZE, right = largest(x + 1, (k / 3 % SIZE + 1) * width / SIZE);
        float sum = 0;
        for (size_t i = y; i < below; i++)
            for (size_t j = x; j < right; j++)
                sum += photo[(i * width + j) * 3 + k % 3];
        small[k] = sum / (float)((below - y) * (right - x));
    }
}

int main(int count, char **paths)
{
    size_t height, width;
    if (count != 3) {
        fputs("usage: cutout photo.ppm cutout.ppm\n", stderr);
        return 2;
    }
    float *photo = read_ppm(paths[1], &height, &width);
    const size_t n = height * width, radius = largest(1, width / 32), subsample = largest(1, radius / 4);
    const size_t net = classmat_fast_deep_matting_workspace(SIZE, SIZE, CLASSMAT_RADIUS);
    size_t bytes = largest(net, classmat_resize_workspace(SIZE, width, 1));
    bytes = largest(bytes, classmat_fast_guided_filter_rgb_workspace(height, width, radius, subsample));
    void *space = allocate(bytes); /* one, used by one function after the other */
    float *small = floats(SIZE * SIZE * 3), *mask = floats(SIZE * SIZE), *matte = floats(SIZE * SIZE);
    float *coarse = floats(n), *alpha = floats(n), *colour = floats(n * 3), *result = floats(n * 3);
    shrink(photo, height, width, small);
    classmat_fast_deep_matting(small, classmat_network, classmat_block, mask, matte, SIZE, SIZE, CLASSMAT_RADIUS, space);
    classmat_resize(matte, coarse, SIZE, SIZE, height, width, 1, space);
    classmat_fast_guided_filter_rgb(photo, coarse, alpha, height, width, radius, subsample, 1e-4f, space);
    for (size_t k = 0; k < 3 * n; k++)
        colour[k] = k % 3 == 0 ? 0.2f : k % 3 == 1 ? 0.7f : 0.4f;
    for (size_t k = 0; k < n; k++)
        alpha[k] = alpha[k] < 0 ? 0 : alpha[k] > 1 ? 1 : alpha[k];
    classmat_composite(photo, alpha, colour, result, height, width);

    FILE *file = fopen(paths[2], "wb");
    if (!file || fprintf(file, "P6\n%zu %zu\n255\n", width, height) < 0) {
        fprintf(stderr, "cannot write %s\n", paths[2]);
        return 2;
    }
    for (size_t k = 0; k < 3 * n; k++)
        fputc((int)(result[k] * 255.0f + 0.5f), file);
    return fclose(file) ? 2 : 0;
}
