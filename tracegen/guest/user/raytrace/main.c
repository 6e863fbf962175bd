// raytrace WIDTH HEIGHT SPHERES DEPTH THREADS: an image of so many pixels of a scene with so many spheres and a mesh that is
// divided so often; threads take row after row.
#include "raytrace.h"

#define MOST_THREADS 16
#define MOST_SIDE 4096
#define MOST_SPHERES 1000
#define MOST_DEPTH 7
#define SAMPLE 509 // of so many pixels, of more in a large image, one is made again by asking each triangle
#define MOST_SAMPLES 64

static struct scene *scene;
static u32 *image;
static struct mutex rows;
static u64 next_row;

static u64 take_row(void) {
    mutex_lock(&rows);
    u64 row = next_row++;
    mutex_unlock(&rows);
    return row;
}

// What each thread does; it marks its own part.
static void render(void *) {
    MARK_BEGIN();
    for (u64 row; (row = take_row()) < scene->height;)
        for (u64 x = 0; x < scene->width; x++)
            image[row * scene->width + x] = trace_pixel(scene, find_by_grid, row * scene->width + x);
    MARK_END();
}

static void render_all(u64 threads) {
    static struct thread thread[MOST_THREADS];
    for (u64 i = 1; i < threads; i++)
        thread_start(&thread[i], render, 0);
    render(0);
    for (u64 i = 1; i < threads; i++)
        thread_join(&thread[i]);
}

int main(void) {
    u64 width = number_argument(1), height = number_argument(2), spheres = number_argument(3), depth = number_argument(4);
    u64 threads = number_argument(5), pixels = width * height, digest = DIGEST, wrong = 0;
    if (!pixels || width > MOST_SIDE || height > MOST_SIDE || spheres > MOST_SPHERES || depth > MOST_DEPTH || !threads ||
        threads > MOST_THREADS)
        stop("sides from 1 to 4096, at most 1000 spheres, depth 7 and 16 threads", STATUS_USAGE);
    scene = allocate(sizeof *scene);
    image = allocate(pixels * sizeof *image);
    make_scene(scene, width, height, spheres, depth);
    render_all(threads);
    for (u64 i = 0; i < pixels; i++)
        digest = mix(digest, image[i]);
    u64 step = pixels / MOST_SAMPLES > SAMPLE ? pixels / MOST_SAMPLES : SAMPLE;
    for (u64 i = 0; i < pixels; i += step)
        wrong += image[i] != trace_pixel(scene, find_by_asking, i);
    report("raytrace: %d pixels, %d triangles, digest %x, %d wrong\n", pixels, scene->triangles, digest, wrong);
    return wrong ? EXIT_WRONG : EXIT_OK;
}
