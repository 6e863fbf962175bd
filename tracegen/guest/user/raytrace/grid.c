// A uniform grid around the mesh; a ray visits the cells that it passes, in their order (Amanatides and Woo 1987).
#include "raytrace.h"

#define AXES 3
#define ROOM 1e-9 // by which triangles are taken for larger, so that rounding loses none

static double least(double a, double b) {
    return a < b ? a : b;
}

static double most(double a, double b) {
    return a > b ? a : b;
}

static void bounds(const struct triangle *of, double low[AXES], double high[AXES]) {
    const double *corner = &of->corner.x, *first = &of->first.x, *second = &of->second.x;
    for (u64 axis = 0; axis < AXES; axis++) {
        double a = corner[axis], b = a + first[axis], c = a + second[axis];
        low[axis] = least(a, least(b, c)) - ROOM;
        high[axis] = most(a, most(b, c)) + ROOM;
    }
}

static i64 cell_at(const struct grid *grid, u64 axis, double place) {
    i64 cell = (i64)((place - (&grid->low.x)[axis]) / grid->side);
    return cell < 0 ? 0 : cell >= CELLS ? CELLS - 1 : cell;
}

static void place_grid(struct scene *scene) {
    double low[AXES], high[AXES], of_low[AXES] = {FAR, FAR, FAR}, of_high[AXES] = {-FAR, -FAR, -FAR}, side = 0;
    for (u64 i = 0; i < scene->triangles; i++) {
        bounds(&scene->triangle[i], low, high);
        for (u64 axis = 0; axis < AXES; axis++) {
            of_low[axis] = least(of_low[axis], low[axis]);
            of_high[axis] = most(of_high[axis], high[axis]);
        }
    }
    for (u64 axis = 0; axis < AXES; axis++)
        side = most(side, of_high[axis] - of_low[axis]);
    scene->grid.low = (struct vector){of_low[0], of_low[1], of_low[2]};
    scene->grid.side = side / CELLS;
}

// Counts the triangle in each of its cells, or puts it there: `count` is where a cell's next one goes.
static void enter(struct scene *scene, u64 number, u32 *count, int put) {
    double low[AXES], high[AXES];
    i64 from[AXES], to[AXES];
    bounds(&scene->triangle[number], low, high);
    for (u64 axis = 0; axis < AXES; axis++) {
        from[axis] = cell_at(&scene->grid, axis, low[axis]);
        to[axis] = cell_at(&scene->grid, axis, high[axis]);
    }
    for (i64 z = from[2]; z <= to[2]; z++)
        for (i64 y = from[1]; y <= to[1]; y++)
            for (i64 x = from[0]; x <= to[0]; x++) {
                u32 place = count[(z * CELLS + y) * CELLS + x]++;
                if (put)
                    scene->grid.triangle[place] = (u32)number;
            }
}

void make_grid(struct scene *scene) {
    u64 cells = (u64)CELLS * CELLS * CELLS;
    u32 *first = allocate((cells + 1) * sizeof *first), *next = allocate(cells * sizeof *next), all = 0;
    place_grid(scene);
    for (u64 i = 0; i < scene->triangles; i++)
        enter(scene, i, next, 0);
    for (u64 cell = 0; cell < cells; cell++) {
        first[cell] = all;
        all += next[cell];
        next[cell] = first[cell];
    }
    first[cells] = all;
    scene->grid.first = first;
    scene->grid.triangle = allocate(all * sizeof *scene->grid.triangle);
    for (u64 i = 0; i < scene->triangles; i++)
        enter(scene, i, next, 1);
}

// The way of a ray through the grid.
struct way {
    i64 cell[AXES], step[AXES];
    double leave[AXES]; // how far along the ray leaves the cell, by axis
    double each[AXES];  // how far it is from one cell to the next
};

// 0 where the ray passes the grid by.
static int begin(const struct grid *grid, const struct ray *ray, struct way *way) {
    const double *from = &ray->from.x, *along = &ray->along.x, *low = &grid->low.x;
    double enters = 0, leaves = FAR, size = grid->side * CELLS;
    for (u64 axis = 0; axis < AXES; axis++) {
        if (along[axis] == 0) {
            if (from[axis] < low[axis] || from[axis] > low[axis] + size)
                return 0;
            continue;
        }
        double a = (low[axis] - from[axis]) / along[axis], b = (low[axis] + size - from[axis]) / along[axis];
        enters = most(enters, least(a, b));
        leaves = least(leaves, most(a, b));
    }
    if (enters > leaves)
        return 0;
    for (u64 axis = 0; axis < AXES; axis++) {
        i64 cell = cell_at(grid, axis, from[axis] + along[axis] * enters);
        way->cell[axis] = cell;
        way->step[axis] = along[axis] > 0 ? 1 : -1;
        if (along[axis] == 0) {
            way->leave[axis] = way->each[axis] = FAR;
            continue;
        }
        double wall = low[axis] + (double)(cell + (along[axis] > 0)) * grid->side;
        way->leave[axis] = (wall - from[axis]) / along[axis];
        way->each[axis] = grid->side / along[axis] * (double)way->step[axis];
    }
    return 1;
}

// A hit counts only where nothing in a cell before could be met, so the search ends when it lies within the cell.
void find_by_grid(const struct scene *scene, const struct ray *ray, struct hit *nearest) {
    const struct grid *grid = &scene->grid;
    struct way way;
    if (!begin(grid, ray, &way))
        return;
    for (;;) {
        i64 cell = (way.cell[2] * CELLS + way.cell[1]) * CELLS + way.cell[0];
        for (u32 i = grid->first[cell]; i < grid->first[cell + 1]; i++)
            meet_triangle(scene, grid->triangle[i], ray, nearest);
        u64 axis = way.leave[0] < way.leave[1] ? 0 : 1;
        axis = way.leave[2] < way.leave[axis] ? 2 : axis;
        if (nearest->at < way.leave[axis] - ROOM)
            return;
        way.cell[axis] += way.step[axis];
        if (way.cell[axis] < 0 || way.cell[axis] >= CELLS)
            return;
        way.leave[axis] += way.each[axis];
    }
}
