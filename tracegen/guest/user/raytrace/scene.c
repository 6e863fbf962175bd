// The scene: a bumpy ball of triangles above spheres on a floor.
#include "raytrace.h"

#define BALL_Y 1.5 // its centre is at (0, BALL_Y, 0)

static double fraction(u64 *random) {
    return (double)(i64)below(random, 1 << 20) / (1 << 20);
}

static void make_spheres(struct scene *scene) {
    u64 random = seeded(0);
    for (u64 i = 0; i < scene->spheres; i++) {
        struct sphere *sphere = &scene->sphere[i];
        double x = fraction(&random) * 8 - 4, z = fraction(&random) * 8 - 4;
        sphere->radius = fraction(&random) * 0.5 + 0.1;
        sphere->centre = (struct vector){x, sphere->radius, z};
        sphere->colour.x = fraction(&random);
        sphere->colour.y = fraction(&random);
        sphere->colour.z = fraction(&random);
        sphere->mirror = below(&random, 2) ? 0.4 : 0;
    }
}

// A point of the ball, from the direction in which it is seen from the centre.
static struct vector surface(struct vector direction) {
    double bump = 1 + 1.5 * direction.x * direction.y * direction.z;
    struct vector point = times(direction, bump);
    point.y += BALL_Y;
    return point;
}

static void add_triangle(struct scene *scene, const struct vector corner[3]) {
    struct triangle *triangle = &scene->triangle[scene->triangles++];
    triangle->corner = surface(corner[0]);
    triangle->first = minus(surface(corner[1]), triangle->corner);
    triangle->second = minus(surface(corner[2]), triangle->corner);
    triangle->normal = unit(cross(triangle->first, triangle->second));
}

// Four triangles in place of one, as often as `depth` says.
static void divide(struct scene *scene, const struct vector corner[3], u64 depth) {
    if (depth == 0) {
        add_triangle(scene, corner);
        return;
    }
    struct vector middle[3], part[3];
    for (u64 i = 0; i < 3; i++)
        middle[i] = unit(plus(corner[i], corner[(i + 1) % 3]));
    for (u64 i = 0; i < 3; i++) {
        part[0] = corner[i];
        part[1] = middle[i];
        part[2] = middle[(i + 2) % 3];
        divide(scene, part, depth - 1);
    }
    divide(scene, middle, depth - 1);
}

static void make_ball(struct scene *scene, u64 depth) {
    struct vector corner[3];
    for (u64 octant = 0; octant < 8; octant++) {
        corner[0] = (struct vector){octant & 1 ? 1 : -1, 0, 0};
        corner[1] = (struct vector){0, octant & 2 ? 1 : -1, 0};
        corner[2] = (struct vector){0, 0, octant & 4 ? 1 : -1};
        divide(scene, corner, depth);
    }
}

void make_scene(struct scene *scene, u64 width, u64 height, u64 spheres, u64 depth) {
    scene->width = width;
    scene->height = height;
    scene->spheres = spheres;
    scene->sphere = allocate(spheres * sizeof *scene->sphere);
    scene->triangle = allocate((8UL << 2 * depth) * sizeof *scene->triangle);
    make_spheres(scene);
    make_ball(scene, depth);
    make_grid(scene);
}
