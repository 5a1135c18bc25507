// Fibers, collectives, memory, and the schedule: see emulator.h.
#include "runtime.h"

#include <setjmp.h>
#include <ucontext.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <random>
#include <string>

#include "memory.h"

using u32 = uint32_t;
using u64 = unsigned long long;
using i32 = int32_t;
#include "emulator.h"

namespace emulator {
namespace {

constexpr u32 WARP = 32;
constexpr u32 THREADS_MAX = 1024;
constexpr size_t STACK = 128 << 10;

// The first and the last byte of this library, whose constants kernels may read.
extern "C" char __ehdr_start __attribute__((visibility("hidden")));
extern "C" char _end __attribute__((visibility("hidden")));

enum class State { Ready, AtWarp, AtBlock, Done };

enum class Collective { Barrier, Exchange, Product, Matrices };

// What a lane brings to a collective of its warp.
struct Brought {
    Collective kind;
    u64 value;
    u32 source;
    bool flag;
    i32* sum;
    const u32* a;
    const u32* b;
    u32* out;
    const void* row;
};

struct Copy {
    void* to;
    const void* from;
};

struct Fiber {
    Position position;
    State state = State::Done;
    bool started = false;
    std::unique_ptr<char[]> stack;
    ucontext_t context;
    jmp_buf jump;
    Brought brought;
    uint16_t warp_barriers = 0;
    // Groups of copies under way, oldest first; the last is not closed.
    std::vector<std::vector<Copy>> copies;
};

struct Machine {
    std::mutex one_launch;
    std::map<uint8_t*, Region> memory;
    std::vector<std::unique_ptr<Fiber>> fibers;
    std::unique_ptr<Region> shared;
    std::mt19937_64 random;
    jmp_buf scheduler;
    Fiber* running = nullptr;
    const Kernel* kernel = nullptr;
    void* const* parameters = nullptr;
    u32 threads = 0;
    uint16_t block_barriers = 0;
    // Blocks so far in all launches, and the first of this one.
    u32 block = 0, launch = 1;
    std::string error;
    bool is_checked = false;
};

Machine& machine() {
    static Machine machine;
    return machine;
}

void resume(Fiber& fiber);

// Back to the scheduler, until it comes here again.
__attribute__((noinline)) void wait() {
    Machine& m = machine();
    if (_setjmp(m.running->jump) == 0) _longjmp(m.scheduler, 1);
}

// The kernel is at an end; the fiber is not run again.
void fail(const std::string& what) {
    Machine& m = machine();
    const Position& at = m.running->position;
    if (m.error.empty()) {
        m.error = std::string(m.kernel->name) + ", block (" + std::to_string(at.block_x) + ", " +
                  std::to_string(at.block_y) + "), thread " + std::to_string(at.thread) + ": " + what;
    }
    m.running->state = State::Done;
    for (;;) wait();
}

void enter() {
    Machine& m = machine();
    for (;;) {
        m.kernel->run(m.parameters);
        m.running->state = State::Done;
        wait();
    }
}

__attribute__((noinline)) void resume(Fiber& fiber) {
    Machine& m = machine();
    m.running = &fiber;
    if (_setjmp(m.scheduler) != 0) return;
    if (fiber.started) _longjmp(fiber.jump, 1);
    fiber.started = true;
    if (!fiber.stack) fiber.stack.reset(new char[STACK]);
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack.get();
    fiber.context.uc_stack.ss_size = STACK;
    fiber.context.uc_link = nullptr;
    makecontext(&fiber.context, enter, 0);
    setcontext(&fiber.context);
}

// An access of the running thread, made or reported.
void access(const void* at, size_t size, bool writes, bool is_aligned) {
    Machine& m = machine();
    if (!m.running) return;
    Fiber& fiber = *m.running;
    const auto* byte = static_cast<const uint8_t*>(at);
    const auto* stack = reinterpret_cast<const uint8_t*>(fiber.stack.get());
    if (byte >= stack && byte + size <= stack + STACK) return;
    const char* verb = writes ? "writes" : "reads";
    if (is_aligned && reinterpret_cast<uintptr_t>(at) % size != 0) {
        return fail(std::string(verb) + " " + std::to_string(size) + " bytes that are misaligned");
    }
    Region* region = nullptr;
    if (m.shared && m.shared->holds(at, size)) region = m.shared.get();
    auto next = m.memory.upper_bound(const_cast<uint8_t*>(byte));
    if (!region && next != m.memory.begin() && std::prev(next)->second.holds(at, size))
        region = &std::prev(next)->second;
    if (!region) {
        const bool is_constant =
            !writes && byte >= reinterpret_cast<uint8_t*>(&__ehdr_start) && byte < reinterpret_cast<uint8_t*>(&_end);
        if (!is_constant) fail(std::string(verb) + " " + std::to_string(size) + " bytes out of bounds");
        return;
    }
    const Moment now = {m.block, m.block_barriers, fiber.warp_barriers, static_cast<uint16_t>(fiber.position.thread)};
    if (!region->access(at, size, now, m.launch, writes)) {
        fail(std::string(verb) + (region == m.shared.get() ? " shared memory" : " global memory") +
             " that another thread accesses without a barrier between");
    }
}

void checked_access(const void* at, size_t size, bool writes) {
    if (machine().is_checked) access(at, size, writes, true);
}

Brought& lane_of(u32 first, u32 lane) { return machine().fibers[first + lane]->brought; }

// sum += a · b, with the layout that the PTX manual gives for m16n8k32.
void make_product(u32 first) {
    int16_t a[16][32], b[8][32];
    for (u32 lane = 0; lane < WARP; ++lane) {
        const Brought& own = lane_of(first, lane);
        const u32 group = lane / 4, member = lane % 4;
        for (u32 i = 0; i < 4; ++i) {
            for (u32 byte = 0; byte < 4; ++byte) {
                const u32 row = group + i % 2 * 8, column = i / 2 * 16 + member * 4 + byte;
                a[row][column] =
                    static_cast<int16_t>(own.flag ? unsigned_byte(own.a[i], byte) : signed_byte(own.a[i], byte));
                if (i < 2) b[group][i * 16 + member * 4 + byte] = static_cast<int16_t>(signed_byte(own.b[i], byte));
            }
        }
    }
    for (u32 lane = 0; lane < WARP; ++lane) {
        for (u32 i = 0; i < 4; ++i) {
            const u32 row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
            i32 sum = 0;
            for (u32 k = 0; k < 32; ++k) sum += a[row][k] * b[column][k];
            lane_of(first, lane).sum[i] += sum;
        }
    }
}

void make_matrices(u32 first) {
    Machine& m = machine();
    Fiber* last = m.running;
    for (u32 matrix = 0; matrix < 4; ++matrix) {
        for (u32 lane = 0; lane < WARP; ++lane) {
            const u32 source = matrix * 8 + lane / 4;
            const auto* row = static_cast<const uint8_t*>(lane_of(first, source).row);
            m.running = m.fibers[first + lane].get();
            if (lane % 4 == 0 && m.is_checked) {
                if (!m.shared || !m.shared->holds(row, 16)) fail("a row of ldmatrix is not in shared memory");
                checked_access(row, 16, false);
            }
            std::memcpy(&lane_of(first, lane).out[matrix], row + lane % 4 * 4, 4);
        }
    }
    m.running = last;
}

void make_exchange(u32 first) {
    uint64_t given[WARP];
    for (u32 lane = 0; lane < WARP; ++lane) given[lane] = lane_of(first, lane).value;
    for (u32 lane = 0; lane < WARP; ++lane) {
        Brought& own = lane_of(first, lane);
        own.value = given[(own.flag ? lane ^ own.source : own.source) % WARP];
    }
}

// The last lane of the warp that comes does it for all.
void collective(const Brought& brought) {
    Machine& m = machine();
    Fiber& own = *m.running;
    own.brought = brought;
    own.state = State::AtWarp;
    const u32 first = own.position.thread / WARP * WARP;
    for (u32 lane = 0; lane < WARP; ++lane) {
        if (m.fibers[first + lane]->state != State::AtWarp) return wait();
        if (lane_of(first, lane).kind != brought.kind) fail("lanes of a warp meet in different instructions");
    }
    switch (brought.kind) {
        case Collective::Barrier:
            for (u32 lane = 0; lane < WARP; ++lane) ++m.fibers[first + lane]->warp_barriers;
            break;
        case Collective::Exchange:
            make_exchange(first);
            break;
        case Collective::Product:
            make_product(first);
            break;
        case Collective::Matrices:
            make_matrices(first);
            break;
    }
    for (u32 lane = 0; lane < WARP; ++lane) m.fibers[first + lane]->state = State::Ready;
    // Sometimes another goes on.
    if (m.random() % 2 == 0) wait();
}

void start_block(u32 x, u32 y) {
    Machine& m = machine();
    ++m.block;
    m.block_barriers = 0;
    m.shared.reset();
    for (u32 thread = 0; thread < m.threads; ++thread) {
        Fiber& fiber = *m.fibers[thread];
        fiber.position = {thread, m.threads, x, y};
        fiber.state = State::Ready;
        fiber.warp_barriers = 0;
        fiber.copies.assign(1, {});
    }
}

// Runs the block's threads until all are done. Warps and lanes take turns in an order of their own in every round; a
// warp may get as far as it can, or do one stretch.
void run_block() {
    Machine& m = machine();
    std::vector<u32> warps(m.threads / WARP), lanes(WARP);
    for (u32 i = 0; i < warps.size(); ++i) warps[i] = i;
    for (u32 i = 0; i < WARP; ++i) lanes[i] = i;
    for (bool ran = true; ran && m.error.empty();) {
        ran = false;
        std::shuffle(warps.begin(), warps.end(), m.random);
        std::shuffle(lanes.begin(), lanes.end(), m.random);
        for (u32 warp : warps) {
            const bool is_eager = m.random() % 2 == 0;
            for (bool again = true; again && m.error.empty();) {
                again = false;
                for (u32 lane : lanes) {
                    Fiber& fiber = *m.fibers[warp * WARP + lane];
                    if (fiber.state != State::Ready || !m.error.empty()) continue;
                    resume(fiber);
                    ran = true;
                    again = is_eager;
                }
            }
        }
    }
    for (u32 thread = 0; thread < m.threads && m.error.empty(); ++thread) {
        if (m.fibers[thread]->state == State::Done) continue;
        m.error =
            std::string(m.kernel->name) + ": thread " + std::to_string(thread) + " waits for others that have left";
    }
}

std::string run(const Kernel& kernel, const u32 grid[2], u32 threads, void* const* parameters, u64 seed) {
    Machine& m = machine();
    if (threads == 0 || threads % WARP != 0 || threads > THREADS_MAX) return "the block is not 1 to 32 whole warps";
    if (grid[0] == 0 || grid[1] == 0 || grid[1] > 65535) return "the grid is empty or too large";
    m.random.seed(seed);
    m.kernel = &kernel;
    m.parameters = parameters;
    m.threads = threads;
    m.launch = m.block + 1;
    m.error.clear();
    while (m.fibers.size() < threads) m.fibers.push_back(std::make_unique<Fiber>());
    std::vector<u64> blocks(static_cast<size_t>(grid[0]) * grid[1]);
    for (size_t i = 0; i < blocks.size(); ++i) blocks[i] = i;
    std::shuffle(blocks.begin(), blocks.end(), m.random);
    for (u64 block : blocks) {
        if (!m.error.empty()) break;
        start_block(static_cast<u32>(block % grid[0]), static_cast<u32>(block / grid[0]));
        run_block();
    }
    m.running = nullptr;
    m.shared.reset();
    // What failed is somewhere in the middle of the kernel.
    if (!m.error.empty()) m.fibers.clear();
    return m.error;
}

}  // namespace

Position position() { return machine().running->position; }

void* shared(size_t bytes) {
    Machine& m = machine();
    if (!m.shared) m.shared = std::make_unique<Region>(bytes, m.is_checked, m.random());
    if (m.shared->bytes != bytes) fail("threads ask for different shared memory");
    return m.shared->start;
}

void block_barrier() {
    Machine& m = machine();
    m.running->state = State::AtBlock;
    for (u32 thread = 0; thread < m.threads; ++thread) {
        if (m.fibers[thread]->state != State::AtBlock) return wait();
    }
    ++m.block_barriers;
    for (u32 thread = 0; thread < m.threads; ++thread) m.fibers[thread]->state = State::Ready;
    wait();
}

void warp_barrier() { collective({Collective::Barrier, 0, 0, false, {}, {}, {}, {}, {}}); }

uint64_t exchange(uint64_t value, uint32_t source, bool is_mask) {
    collective({Collective::Exchange, value, source, is_mask, {}, {}, {}, {}, {}});
    return machine().running->brought.value;
}

void tile_product(int32_t* sum, const uint32_t* a, const uint32_t* b, bool is_unsigned) {
    collective({Collective::Product, 0, 0, is_unsigned, sum, a, b, {}, {}});
}

void load_matrices(uint32_t* out, const void* row) {
    collective({Collective::Matrices, 0, 0, false, {}, {}, {}, out, row});
}

void copy_start(void* to, const void* from) {
    checked_access(from, 16, false);
    checked_access(to, 16, true);
    machine().running->copies.back().push_back({to, from});
}

void copy_group() { machine().running->copies.emplace_back(); }

void copy_wait(int pending) {
    auto& copies = machine().running->copies;
    while (copies.size() > static_cast<size_t>(pending) + 1) {
        for (const Copy& copy : copies.front()) {
            checked_access(copy.to, 16, true);
            std::memcpy(copy.to, copy.from, 16);
        }
        copies.erase(copies.begin());
    }
}

}  // namespace emulator

// For the tests.
extern "C" {

void* emulator_allocate(size_t bytes) {
    auto& m = emulator::machine();
    std::lock_guard<std::mutex> lock(m.one_launch);
    emulator::Region region(bytes, m.is_checked, 0x9e3779b97f4a7c15u + bytes);
    uint8_t* start = region.start;
    m.memory.emplace(start, std::move(region));
    return start;
}

void emulator_free(void* start) {
    auto& m = emulator::machine();
    std::lock_guard<std::mutex> lock(m.one_launch);
    m.memory.erase(static_cast<uint8_t*>(start));
}

// Writes what went wrong, or nothing, to `error`, at most `room` bytes with the zero at the end.
void emulator_launch(const char* name, const uint32_t* grid, uint32_t threads, void* const* parameters,
                     const uint32_t* sizes, uint32_t count, uint64_t seed, char* error, size_t room) {
    auto& m = emulator::machine();
    std::lock_guard<std::mutex> lock(m.one_launch);
    std::string what = "there is no kernel of this name";
    for (size_t i = 0; i < emulator::KERNEL_COUNT; ++i) {
        const emulator::Kernel& kernel = emulator::KERNELS[i];
        if (std::strcmp(kernel.name, name) != 0) continue;
        const bool fits = kernel.count == count && std::equal(sizes, sizes + count, kernel.sizes);
        what = fits ? emulator::run(kernel, grid, threads, parameters, seed)
                    : std::string(name) + ": it has other parameters";
    }
    std::strncpy(error, what.c_str(), room - 1);
    error[room - 1] = 0;
}

// What the compiler calls with -fsanitize=thread.
void __tsan_init() { emulator::machine().is_checked = true; }
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}

#define ACCESSES(size)                                                                       \
    void __tsan_read##size(void* at) { emulator::access(at, size, false, true); }            \
    void __tsan_write##size(void* at) { emulator::access(at, size, true, true); }            \
    void __tsan_unaligned_read##size(void* at) { emulator::access(at, size, false, false); } \
    void __tsan_unaligned_write##size(void* at) { emulator::access(at, size, true, false); }
ACCESSES(1)
ACCESSES(2)
ACCESSES(4)
ACCESSES(8)
ACCESSES(16)

void __tsan_read_range(void* at, size_t size) { emulator::access(at, size, false, false); }
void __tsan_write_range(void* at, size_t size) { emulator::access(at, size, true, false); }
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
}
