// The emulator's memory: allocations of the device, the shared memory of a block, and who touched which byte.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

namespace emulator {

// Who runs, as far as order goes: accesses of one thread are ordered; those of a block by its barriers; those of a warp
// by the barriers of the warp as well; those of different blocks of a launch not at all.
struct Moment {
    // Counts the blocks of all launches, from 1.
    uint32_t block;
    // Barriers of the block, and of the warp, that this thread has passed.
    uint16_t block_barriers, warp_barriers;
    uint16_t thread;
};

// What is known of one byte.
class Byte {
public:
    // Whether the access conflicts with an earlier one of another thread. `launch` is the launch's first block.
    bool access(const Moment& now, uint32_t launch, bool writes) {
        bool races = unordered(written, now, launch);
        if (writes) {
            races |= unordered(last_read, now, launch) || unordered(same_warp, now, launch) ||
                     unordered(other_warp, now, launch);
            written = now;
        } else {
            if (last_read.thread / 32 != now.thread / 32 || last_read.block != now.block)
                other_warp = last_read;
            else if (last_read.thread != now.thread)
                same_warp = last_read;
            last_read = now;
        }
        return races;
    }

private:
    Moment written{}, last_read{};
    // The last reader but for those of the same warp, and the last of that warp but for the same thread.
    Moment other_warp{}, same_warp{};

    static bool unordered(const Moment& then, const Moment& now, uint32_t launch) {
        if (then.block < launch) return false;
        if (then.block != now.block) return true;
        if (then.thread == now.thread || then.block_barriers != now.block_barriers) return false;
        return then.thread / 32 != now.thread / 32 || then.warp_barriers == now.warp_barriers;
    }
};

struct Region {
    // The bytes have no neighbours that anybody may touch.
    std::unique_ptr<uint8_t[]> storage;
    uint8_t* start;
    size_t bytes;
    std::vector<Byte> shadow;

    Region(size_t size, bool checked, uint64_t noise) : bytes(size), shadow(checked ? size : 0) {
        storage.reset(new uint8_t[size + 512]);
        start = storage.get() + (512 - reinterpret_cast<uintptr_t>(storage.get()) % 256) % 512;
        fill(noise);
    }

    void fill(uint64_t noise) {
        for (size_t i = 0; i < bytes; ++i) {
            noise = noise * 6364136223846793005u + 1442695040888963407u;
            start[i] = static_cast<uint8_t>(noise >> 56);
        }
    }

    bool holds(const void* at, size_t size) const {
        const auto* byte = static_cast<const uint8_t*>(at);
        return byte >= start && byte + size <= start + bytes;
    }

    // Whether no access races.
    bool access(const void* at, size_t size, const Moment& now, uint32_t launch, bool writes) {
        bool races = false;
        const size_t first = static_cast<size_t>(static_cast<const uint8_t*>(at) - start);
        for (size_t i = first; i < first + size; ++i) races |= shadow[i].access(now, launch, writes);
        return !races;
    }
};

}  // namespace emulator
