// Memory without caches: replay/memory/hooks.py.
struct memory { u64 caches; };

static inline void refer(const struct memory *m, const struct at *at, u8 kind, u32 page, u16 info) {}
static inline void refer_event(const struct memory *m, const struct at *at, const struct row *row) {}
static inline void refer_handler(const struct memory *m, const struct at *at, u32 code, u64 lines, u32 page) {}
