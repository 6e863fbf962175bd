// Where a ray meets something.
#include "raytrace.h"

#define CLOSE 1e-6     // what is nearer is where the ray comes from
#define HORIZON 1000.0 // so far the floor is seen

static void meet(struct hit *nearest, double at, u64 kind, u64 number) {
    if (at < CLOSE || at > nearest->at)
        return;
    if (at == nearest->at && (kind > nearest->kind || (kind == nearest->kind && number > nearest->number)))
        return;
    *nearest = (struct hit){at, kind, number};
}

// After Moeller and Trumbore (1997).
void meet_triangle(const struct scene *scene, u64 number, const struct ray *ray, struct hit *nearest) {
    const struct triangle *triangle = &scene->triangle[number];
    struct vector across = cross(ray->along, triangle->second);
    double scale = dot(triangle->first, across);
    if (scale == 0)
        return;
    double inverse = 1 / scale;
    struct vector from = minus(ray->from, triangle->corner);
    double u = dot(from, across) * inverse;
    if (u < 0 || u > 1)
        return;
    struct vector over = cross(from, triangle->first);
    double v = dot(ray->along, over) * inverse;
    if (v < 0 || u + v > 1)
        return;
    meet(nearest, dot(triangle->second, over) * inverse, TRIANGLE, number);
}

static void meet_sphere(const struct scene *scene, u64 number, const struct ray *ray, struct hit *nearest) {
    const struct sphere *sphere = &scene->sphere[number];
    struct vector from = minus(ray->from, sphere->centre);
    double half = dot(from, ray->along), rest = half * half - (dot(from, from) - sphere->radius * sphere->radius);
    if (rest < 0)
        return;
    double root = __builtin_sqrt(rest);
    meet(nearest, -half - root, SPHERE, number);
    meet(nearest, root - half, SPHERE, number);
}

void meet_spheres_and_floor(const struct scene *scene, const struct ray *ray, struct hit *nearest) {
    double floor = ray->along.y < 0 ? -ray->from.y / ray->along.y : FAR;
    if (floor < HORIZON)
        meet(nearest, floor, FLOOR, 0);
    for (u64 i = 0; i < scene->spheres; i++)
        meet_sphere(scene, i, ray, nearest);
}

void find_by_asking(const struct scene *scene, const struct ray *ray, struct hit *nearest) {
    for (u64 i = 0; i < scene->triangles; i++)
        meet_triangle(scene, i, ray, nearest);
}
