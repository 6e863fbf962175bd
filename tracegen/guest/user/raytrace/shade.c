// Light: one lamp, shadows, and mirrors that show what is around.
#include "raytrace.h"

#define MOST_MIRRORS 3
#define AMBIENT 0.15

static const struct vector lamp = {-4, 6, -5}, eye = {0, 2, -6}, sky = {0.4, 0.6, 0.9};

struct surface {
    struct vector point, normal, colour;
    double mirror;
};

static void find(const struct scene *scene, find_triangle *triangle, const struct ray *ray, struct hit *nearest) {
    nearest->at = FAR;
    nearest->kind = 0;
    meet_spheres_and_floor(scene, ray, nearest);
    triangle(scene, ray, nearest);
}

static int dark_square(struct vector point) {
    return ((i64)(point.x + 1000) + (i64)(point.z + 1000)) & 1;
}

static void look_at(const struct scene *scene, const struct ray *ray, const struct hit *hit, struct surface *to) {
    to->point = plus(ray->from, times(ray->along, hit->at));
    if (hit->kind == FLOOR) {
        double shade = dark_square(to->point) ? 0.3 : 0.8;
        to->normal = (struct vector){0, 1, 0};
        to->colour = (struct vector){shade, shade, shade};
        to->mirror = 0.1;
    } else if (hit->kind == SPHERE) {
        const struct sphere *sphere = &scene->sphere[hit->number];
        to->normal = unit(minus(to->point, sphere->centre));
        to->colour = sphere->colour;
        to->mirror = sphere->mirror;
    } else {
        to->normal = scene->triangle[hit->number].normal;
        to->colour = (struct vector){0.9, 0.6, 0.3};
        to->mirror = 0.2;
    }
    if (dot(to->normal, ray->along) > 0)
        to->normal = times(to->normal, -1);
}

static double lamp_light(const struct scene *scene, find_triangle *triangle, const struct surface *surface) {
    struct vector way = minus(lamp, surface->point);
    double distance = __builtin_sqrt(dot(way, way));
    struct ray ray = {surface->point, times(way, 1 / distance)};
    double facing = dot(surface->normal, ray.along);
    if (facing <= 0)
        return AMBIENT;
    struct hit hit;
    find(scene, triangle, &ray, &hit);
    return hit.at < distance ? AMBIENT : AMBIENT + (1 - AMBIENT) * facing;
}

// What comes along the ray, after `mirrors` of them.
static struct vector light(const struct scene *scene, find_triangle *triangle, const struct ray *ray, u64 mirrors) {
    struct hit hit;
    find(scene, triangle, ray, &hit);
    if (hit.kind == 0)
        return sky;
    struct surface surface;
    look_at(scene, ray, &hit, &surface);
    struct vector own = times(surface.colour, lamp_light(scene, triangle, &surface));
    if (surface.mirror == 0 || mirrors == MOST_MIRRORS)
        return own;
    double turn = dot(surface.normal, ray->along) * 2;
    struct ray reflected = {surface.point, minus(ray->along, times(surface.normal, turn))};
    struct vector seen = light(scene, triangle, &reflected, mirrors + 1);
    return plus(times(own, 1 - surface.mirror), times(seen, surface.mirror));
}

static u32 level(double light) {
    i64 found = (i64)(light * 255 + 0.5);
    return (u32)(found > 255 ? 255 : found);
}

u32 trace_pixel(const struct scene *scene, find_triangle *find, u64 pixel) {
    i64 width = (i64)scene->width, height = (i64)scene->height, x = (i64)pixel % width, y = (i64)pixel / width;
    double across = ((double)(2 * x + 1) / (double)width - 1) * 0.7, up = (1 - (double)(2 * y + 1) / (double)height) * 0.5;
    struct ray ray = {eye, unit((struct vector){across, up - 0.15, 1})};
    struct vector seen = light(scene, find, &ray, 0);
    return level(seen.x) << 16 | level(seen.y) << 8 | level(seen.z);
}
