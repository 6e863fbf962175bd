// A B-tree.  Leaves are chained; the first key of an inner node's pair is the least of its subtree, but for the first one.
#include "oltp.h"

#define FULL ((PAGE_BYTES - 16) / sizeof(struct pair))

struct node {
    u32 count, leaf;
    u64 next; // leaf, or 0
    struct pair pair[FULL];
};

static_assert(sizeof(struct node) == PAGE_BYTES, "a node is a page");

struct tree make_tree(const char *name) {
    struct tree tree = {new_file(name), 1, 2};
    unfix(fix(tree.file, 0)); // no node: 0 says that there is none
    struct node *root = fix(tree.file, tree.root);
    root->leaf = 1;
    changed(root);
    unfix(root);
    return tree;
}

// How many keys are not above `key`.
static u64 place(const struct node *node, u64 key) {
    u64 low = 0, high = node->count;
    while (low < high) {
        u64 middle = (low + high) / 2;
        if (node->pair[middle].key <= key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static u64 child(const struct node *node, u64 key) {
    u64 at = place(node, key);
    return node->pair[at ? at - 1 : 0].value;
}

// The leaf where `key` would be, fixed.
static struct node *leaf_of(const struct tree *tree, u64 key) {
    struct node *node = fix(tree->file, tree->root);
    while (!node->leaf) {
        u64 page = child(node, key);
        unfix(node);
        node = fix(tree->file, page);
    }
    return node;
}

u64 *look_up(const struct tree *tree, u64 key) {
    struct node *leaf = leaf_of(tree, key);
    u64 at = place(leaf, key);
    if (at && leaf->pair[at - 1].key == key)
        return &leaf->pair[at - 1].value;
    unfix(leaf);
    return 0;
}

void take_out(struct tree *tree, u64 key) {
    struct node *leaf = leaf_of(tree, key);
    u64 at = place(leaf, key);
    if (at && leaf->pair[at - 1].key == key) {
        for (leaf->count--; at <= leaf->count; at++)
            leaf->pair[at - 1] = leaf->pair[at];
        changed(leaf);
    }
    unfix(leaf);
}

// Moves the upper half to a new node, and says which one.
static struct pair split(struct tree *tree, struct node *node) {
    u64 page = tree->pages++;
    struct node *right = fix(tree->file, page);
    right->leaf = node->leaf;
    right->next = node->next;
    right->count = node->count / 2;
    node->count -= right->count;
    node->next = page;
    memcpy(right->pair, node->pair + node->count, right->count * sizeof(struct pair));
    struct pair made = {right->pair[0].key, page};
    changed(right);
    unfix(right);
    return made;
}

static void add(struct node *node, u64 at, struct pair pair) {
    for (u64 i = node->count++; i > at; i--)
        node->pair[i] = node->pair[i - 1];
    node->pair[at] = pair;
}

// Puts a pair below a node.  Where that makes a node beside it, `pair` becomes what leads there, and 1 is the result.
static int insert(struct tree *tree, u64 page, struct pair *pair) {
    struct node *node = fix(tree->file, page);
    u64 at = place(node, pair->key);
    int more = 1;
    if (!node->leaf) {
        more = insert(tree, child(node, pair->key), pair);
        at = place(node, pair->key);
    } else if (at && node->pair[at - 1].key == pair->key) {
        node->pair[at - 1].value = pair->value;
        changed(node);
        more = 0;
    }
    if (more) {
        add(node, at, *pair);
        changed(node);
        more = node->count == FULL;
        if (more)
            *pair = split(tree, node);
    }
    unfix(node);
    return more;
}

void put(struct tree *tree, u64 key, u64 value) {
    struct pair pair = {key, value};
    if (!insert(tree, tree->root, &pair))
        return;
    struct node *root = fix(tree->file, tree->pages);
    root->pair[0] = (struct pair){0, tree->root};
    root->pair[1] = pair;
    root->count = 2;
    tree->root = tree->pages++;
    changed(root);
    unfix(root);
}

u64 collect(const struct tree *tree, u64 key, struct pair *to, u64 most) {
    struct node *leaf = leaf_of(tree, key);
    u64 at = place(leaf, key), found = 0;
    at -= at && leaf->pair[at - 1].key == key;
    while (found < most) {
        if (at < leaf->count) {
            to[found++] = leaf->pair[at++];
        } else {
            u64 next = leaf->next;
            if (!next)
                break;
            unfix(leaf);
            leaf = fix(tree->file, next);
            at = 0;
        }
    }
    unfix(leaf);
    return found;
}
