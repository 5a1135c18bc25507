// All kernels in one library, with what the runtime needs to call them by name.
#include "../rows.cu"
namespace gemm {
#include "../gemm.cu"
}
namespace attention {
#include "../attention.cu"
}
namespace hash {
#include "../hash.cu"
}
#include "faults.cu"

#include <tuple>
#include <utility>

#include "runtime.h"

namespace emulator {

template <auto function>
struct Call;

// The parameters stand at `parameters`, each of the size that `sizes` says.
template <class... P, void (*function)(P...)>
struct Call<function> {
    template <size_t... i>
    __attribute__((no_sanitize("thread"))) static void call(void* const* parameters, std::index_sequence<i...>) {
        function(*static_cast<const P*>(parameters[i])...);
    }
    __attribute__((no_sanitize("thread"))) static void run(void* const* parameters) {
        call(parameters, std::index_sequence_for<P...>());
    }
    static constexpr uint32_t sizes[] = {sizeof(P)...};
    static constexpr Kernel kernel(const char* name) { return {name, run, sizes, sizeof...(P)}; }
};

template <class... P, void (*function)(P...)>
constexpr uint32_t Call<function>::sizes[];

#define ENTRY(function, name) Call<function>::kernel(name)
extern const Kernel KERNELS[] = {
    ENTRY(embed, "embed"),
    ENTRY(moments, "moments"),
    ENTRY(norm, "norm"),
    ENTRY(norm_for_pool, "norm_for_pool"),
    ENTRY(quantise_rows, "quantise_rows"),
    ENTRY(pool, "pool"),
    ENTRY(unit_vector, "unit_vector"),
    ENTRY(gemm::peak, "peak"),
    ENTRY(gemm::gemm_linear, "gemm_linear"),
    ENTRY(gemm::gemm_residual, "gemm_residual"),
    ENTRY(gemm::gemm_gelu, "gemm_gelu"),
    ENTRY(attention::exponentials, "exponentials"),
    ENTRY(attention::context, "context"),
    ENTRY(hash::hash_rows, "hash_rows"),
    ENTRY(hash::hash_trees, "hash_trees"),
    ENTRY(fault_race, "fault_race"),
    ENTRY(fault_lanes, "fault_lanes"),
    ENTRY(fault_blocks, "fault_blocks"),
    ENTRY(fault_bounds, "fault_bounds"),
    ENTRY(fault_alignment, "fault_alignment"),
    ENTRY(fault_divergence, "fault_divergence"),
    ENTRY(fault_copy, "fault_copy"),
};
extern const size_t KERNEL_COUNT = sizeof(KERNELS) / sizeof(*KERNELS);

}  // namespace emulator
