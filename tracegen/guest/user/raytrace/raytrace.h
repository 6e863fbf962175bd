// raytrace: a scene of a floor, spheres and a mesh of triangles, seen by rays that are reflected and cast shadows.
//
// Numbers are doubles, and operations are made in the order in which they are written: each CPU gets the same bits.
#pragma once
#include "workload.h"

struct vector {
    double x, y, z;
};

struct ray {
    struct vector from, along; // a unit vector
};

struct sphere {
    struct vector centre;
    double radius;
    struct vector colour;
    double mirror; // how much of the light is reflected
};

struct triangle {
    struct vector corner, first, second, normal; // one corner, the edges to the others
};

// The mesh's triangles by place: a cube of CELLS^3 cells.
#define CELLS 24
struct grid {
    struct vector low;
    double side;         // of a cell
    u32 *first;          // by cell: its part of `triangle`, which ends where the next cell's begins
    u32 *triangle;
};

// What a ray meets first.  Of things that it meets at once the one with the lower number counts.
enum { FLOOR = 1, SPHERE, TRIANGLE };
struct hit {
    double at; // of the way along
    u64 kind, number;
};

struct scene {
    struct sphere *sphere;
    struct triangle *triangle;
    struct grid grid;
    u64 spheres, triangles, width, height;
};

// How a ray finds a triangle: through the grid, or by asking each.
typedef void find_triangle(const struct scene *scene, const struct ray *ray, struct hit *nearest);
void find_by_grid(const struct scene *scene, const struct ray *ray, struct hit *nearest);
void find_by_asking(const struct scene *scene, const struct ray *ray, struct hit *nearest);

// intersect.c: changes `nearest` where the thing is met before what is there
#define FAR 1e30
void meet_triangle(const struct scene *scene, u64 number, const struct ray *ray, struct hit *nearest);
void meet_spheres_and_floor(const struct scene *scene, const struct ray *ray, struct hit *nearest);

// scene.c, grid.c
void make_scene(struct scene *scene, u64 width, u64 height, u64 spheres, u64 depth);
void make_grid(struct scene *scene);

// shade.c: the colour of a pixel, 8 bits each of red, green and blue
u32 trace_pixel(const struct scene *scene, find_triangle *find, u64 pixel);

static inline struct vector plus(struct vector a, struct vector b) {
    return (struct vector){a.x + b.x, a.y + b.y, a.z + b.z};
}

static inline struct vector minus(struct vector a, struct vector b) {
    return (struct vector){a.x - b.x, a.y - b.y, a.z - b.z};
}

static inline struct vector times(struct vector a, double by) {
    return (struct vector){a.x * by, a.y * by, a.z * by};
}

static inline double dot(struct vector a, struct vector b) {
    return a.x * b.x + a.y * b.y + a.z * b.z;
}

static inline struct vector cross(struct vector a, struct vector b) {
    return (struct vector){a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}

static inline struct vector unit(struct vector a) {
    return times(a, 1 / __builtin_sqrt(dot(a, a)));
}
