// The test bench: plays DMA to a core, feeds it the program, and writes down what it does, cycle by cycle.
//
// Usage: bench PROGRAM LOG. A line of the program that is no comment (#) is
//   wave HEX                      the next descriptor
//   at CYCLE                      what follows happens at the begin of this cycle
//   ifmap|weight|bias ADDRESS HEX a word that DMA has written
//   ifmap_tile|weight_tile SLOT   a tile has arrived
//   room N                        so many stores have left
//   pause 1                       DMA has the only port of a buffer in this cycle: the core stands still
//   limit CYCLE                   give up then
// and of the log
//   start|end|drained CYCLE       of the next step: its first cycle of feed, the cycle behind its last, and drained
//   result CYCLE ADDRESS COUNT WORD SUMS
//   first CYCLE                   products are added that are the first of their sums
//   count NAME N
#include "Vlw_bench.h"
#include "Vlw_bench___024root.h"
#include "verilated.h"
#include "names.h"
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

struct Event { uint64_t cycle; std::string kind; uint64_t number; std::string hex; };

template <class Wide> void put(Wide& port, const std::string& hex, int bits) {
    uint32_t* words = reinterpret_cast<uint32_t*>(&port);
    for (int i = 0; i < (bits + 31) / 32; i++) words[i] = 0;
    int nibble = 0;
    for (auto at = hex.rbegin(); at != hex.rend(); ++at, ++nibble) {
        uint64_t digit = *at <= '9' ? *at - '0' : *at - 'a' + 10;
        if (bits <= 8) reinterpret_cast<uint8_t*>(&port)[0] |= digit << (4 * nibble);
        else if (bits <= 16) reinterpret_cast<uint16_t*>(&port)[0] |= digit << (4 * nibble);
        else words[nibble / 8] |= uint32_t(digit << (4 * (nibble % 8)));
    }
}

template <class Wide> std::string hex_of(const Wide& port, int bits) {
    const uint8_t* bytes = reinterpret_cast<const uint8_t*>(&port);
    std::string text;
    for (int i = (bits + 3) / 4 - 1; i >= 0; i--) text += "0123456789abcdef"[(bytes[i / 2] >> (4 * (i % 2))) & 15];
    return text;
}

template <class Wide> uint64_t ones(const Wide& port, int bits) {
    const uint8_t* bytes = reinterpret_cast<const uint8_t*>(&port);
    uint64_t sum = 0;
    for (int i = 0; i < (bits + 7) / 8; i++) sum += __builtin_popcount(bytes[i]);
    return sum;
}

int main(int argc, char** argv) {
    if (argc != 3) { fprintf(stderr, "use: %s PROGRAM LOG\n", argv[0]); return 2; }
    std::ifstream program(argv[1]);
    if (program.peek() == std::ifstream::traits_type::eof()) { fprintf(stderr, "%s: no program can be read here\n", argv[1]); return 2; }
    FILE* log = fopen(argv[2], "w");
    if (!log) { fprintf(stderr, "%s: can't be written\n", argv[2]); return 2; }
    std::vector<std::string> waves;
    std::vector<Event> events;
    uint64_t now = 0, limit = 1000000;
    for (std::string line; std::getline(program, line);) {
        std::istringstream in(line);
        std::string kind, hex;
        uint64_t number = 0;
        if (line.empty() || line[0] == '#') continue;
        in >> kind;
        if (kind == "wave") { in >> hex; waves.push_back(hex); continue; }
        in >> number >> hex;
        if (kind == "at") now = number;
        else if (kind == "limit") limit = number;
        else events.push_back({now, kind, number, hex});
    }

    VerilatedContext context;
    Vlw_bench core(&context);
    auto* root = core.rootp;
    size_t next_wave = 0, next_event = 0;
    uint64_t ifmap_words = 0, weight_words = 0, ofmap_words = 0, products = 0, updates = 0, operations = 0;
    core.rst = 1;
    core.room = 0;
    core.pause = 0;
    for (int i = 0; i < 4; i++) { core.clk = 0; core.eval(); core.clk = 1; core.eval(); }
    core.rst = 0;
    uint64_t cycle = 0, quiet = 0;
    for (; cycle < limit && quiet < 64; cycle++) {
        core.clk = 0;
        // What a core that stands still was told it is told on.
        if (!core.pause) core.ifmap_arrives = core.weight_arrives = 0;
        core.pause = 0;
        while (next_event < events.size() && events[next_event].cycle <= cycle) {
            const Event& event = events[next_event++];
            if (event.kind == "ifmap") put(event.number % 2 ? IFMAP_ODD[event.number / 2] : IFMAP_EVEN[event.number / 2], event.hex, IFMAP_WORD);
            else if (event.kind == "weight") put(WEIGHT_MEMORY[event.number], event.hex, WEIGHT_WORD);
            else if (event.kind == "bias") put(BIAS_MEMORY[event.number], event.hex, BIAS_WORD);
            else if (event.kind == "ifmap_tile") core.ifmap_arrives |= 1u << event.number;
            else if (event.kind == "weight_tile") core.weight_arrives |= 1u << event.number;
            else if (event.kind == "room") core.room = event.number;
            else if (event.kind == "pause") core.pause = 1;
        }
        core.wave_valid = next_wave < waves.size();
        if (core.wave_valid) put(core.wave, waves[next_wave], WAVE_BITS);
        core.eval();
        if (core.pause) {
            core.clk = 1;
            core.eval();
            continue;
        }
        if (core.step_starts) fprintf(log, "start %lu\n", cycle + 1);
        if (core.step_ends) fprintf(log, "end %lu\n", cycle + 1);
        if (core.step_drains) fprintf(log, "drained %lu\n", cycle + 1);
        ifmap_words += core.ifmap_reads;
        weight_words += core.weight_reads;
        products += ones(core.works, FILES);
        updates += ones(core.updates, FILES);
        operations += ones(core.operates, LANES);
        if ((core.first && ones(core.updates, FILES)) || (core.operates_first && ones(core.operates, LANES))) fprintf(log, "first %lu\n", cycle);
        ofmap_words += core.out_write + core.out_read + core.inner_reads;
        if (core.out_write && !core.out_wide) {
            fprintf(log, "result %lu %u %u %s %s\n", cycle, core.out_to, core.out_count,
                    hex_of(core.out_word, OFMAP_WORD).c_str(), hex_of(core.out_sums, OUT_SUM_BITS).c_str());
        }
        if (core.wave_valid && core.wave_ready) next_wave++;
        quiet = core.idle && next_wave == waves.size() && next_event == events.size() ? quiet + 1 : 0;
        core.clk = 1;
        core.eval();
    }
    fprintf(log, "count ifmap_words %lu\ncount weight_words %lu\ncount ofmap_words %lu\n", ifmap_words, weight_words, ofmap_words);
    fprintf(log, "count products %lu\ncount updates %lu\ncount operations %lu\ncount cycles %lu\n", products, updates, operations, cycle);
    fclose(log);
    return cycle < limit ? 0 : 3;
}
