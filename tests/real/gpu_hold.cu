// gpu_hold SECONDS [MIB]: takes memory on each visible card, says which cards those are, and keeps them
// a little busy for so long. Stands for a job, and for a program someone started outside the queue.
#include <cstdio>
#include <cstdlib>
#include <unistd.h>

#include <cuda_runtime.h>

__global__ void touch(unsigned char *p, size_t n)
{
    size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x;
    if (i < n)
        p[i] += 1;
}

static void must(cudaError_t e, const char *what)
{
    if (e == cudaSuccess)
        return;
    fprintf(stderr, "gpu_hold: %s: %s\n", what, cudaGetErrorString(e));
    exit(1);
}

int main(int argc, char **argv)
{
    enum { CARDS_MAX = 16 };
    unsigned char *memory[CARDS_MAX];
    int cards = 0, seconds = argc > 1 ? atoi(argv[1]) : 5;
    size_t bytes = (size_t)(argc > 2 ? atoi(argv[2]) : 256) << 20;

    must(cudaGetDeviceCount(&cards), "no card");
    for (int c = 0; c < cards && c < CARDS_MAX; c++) {
        cudaDeviceProp p;
        must(cudaGetDeviceProperties(&p, c), "properties");
        printf("device %d: GPU-", c);
        for (int i = 0; i < 16; i++)
            printf("%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                   (unsigned char)p.uuid.bytes[i]);
        printf(" %s\n", p.name);
        must(cudaSetDevice(c), "choosing");
        must(cudaMalloc(&memory[c], bytes), "memory");
    }
    fflush(stdout);
    for (int tick = 0; tick < seconds * 20; tick++) {
        for (int c = 0; c < cards && c < CARDS_MAX; c++) {
            must(cudaSetDevice(c), "choosing");
            touch<<<(unsigned)((bytes + 255) / 256), 256>>>(memory[c], bytes);
            must(cudaGetLastError(), "launch");
        }
        for (int c = 0; c < cards && c < CARDS_MAX; c++) {
            must(cudaSetDevice(c), "choosing");
            must(cudaDeviceSynchronize(), "kernel");
        }
        usleep(50000);
    }
    printf("end of gpu_hold\n");
    return 0;
}
