// The test bench: plays DMA to a core, feeds it the program, and writes down what it does, cycle by cycle.
//
// Usage: bench PROGRAM LOG. A line of the program that is no comment (#) is
//   wave HEX                      the next descriptor
//   at CYCLE                      what follows happens at the begin of this cycle
//   ifmap|weight|bias|table ADDRESS HEX a word that DMA has written, or has for a shared memory
//   ofmap ADDRESS                 a word that DMA takes out of a shared memory, when it can
//   ifmap_tile|weight_tile SLOT   a tile has arrived
//   room N                        so many stores have left
//   leaves ELEMENT COUNT          DMA has taken so many of an intermediate tensor, COUNT in hexadecimal
//   pause 1                       DMA has the only port of a buffer in this cycle: the core stands still
//   limit CYCLE                   give up then
//   expect start|end|drained N    of the next step, in cycles in which the core works
//   expect left ELEMENT COUNT WORD
//   expect result ADDRESS COUNT WORD SUMS
//   expect NAME N                 a count
// and of the log
//   start|end|drained CYCLE       of the next step: its first cycle of feed, the cycle behind its last, and drained
//   result CYCLE ADDRESS COUNT WORD SUMS
//   left CYCLE ELEMENT COUNT WORD
//   first CYCLE                   products are added that are the first of their sums
//   count NAME N
// Where anything is expected, the last line of the output says whether all is equal, or what differs first.
#include "Vlw_bench.h"
#include "Vlw_bench___024root.h"
#include "verilated.h"
#include "names.h"
#include <cstdint>
#include <cstdio>
#include <deque>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

struct Event { uint64_t cycle; std::string kind; uint64_t number; std::string hex; };

template <class Wide> void put(Wide& port, const std::string& hex, int bits) {
    uint32_t* words = reinterpret_cast<uint32_t*>(&port);
    if (bits > 16) for (int i = 0; i < (bits + 31) / 32; i++) words[i] = 0;
    else port = Wide();
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

// What a program expects, by kind, and what differed first.
struct Expected {
    std::map<std::string, std::vector<std::string>> lines;
    std::map<std::string, size_t> seen;
    std::string wrong;

    void compare(const std::string& kind, const std::string& found) {
        if (lines.empty()) return;
        const std::vector<std::string>& wanted = lines[kind];
        size_t number = seen[kind]++;
        if (!wrong.empty() || (number < wanted.size() && wanted[number] == found)) return;
        std::string want = number < wanted.size() ? wanted[number] : "no more of them";
        wrong = kind + (wanted.size() > 1 ? " " + std::to_string(number) : "") + ": " + found + ", not " + want;
    }

    void end() {
        for (const auto& [kind, wanted] : lines)
            if (wrong.empty() && seen[kind] < wanted.size())
                wrong = kind + ": " + std::to_string(seen[kind]) + " of " + std::to_string(wanted.size());
    }
};

// The lowest bits of a number in hexadecimal, without zeros in front.
std::string lowest(const std::string& hex, size_t bits) {
    size_t digits = (bits + 3) / 4;
    std::string text = hex.size() > digits ? hex.substr(hex.size() - digits) : hex;
    if (bits % 4 && text.size() == digits) {
        int digit = text[0] <= '9' ? text[0] - '0' : text[0] - 'a' + 10;
        text[0] = "0123456789abcdef"[digit & ((1 << bits % 4) - 1)];
    }
    size_t first = text.find_first_not_of('0');
    return first == std::string::npos ? "0" : text.substr(first);
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
    Expected expected;
    for (std::string line; std::getline(program, line);) {
        std::istringstream in(line);
        std::string kind, hex;
        uint64_t number = 0;
        if (line.empty() || line[0] == '#') continue;
        in >> kind;
        if (kind == "expect") {
            in >> kind >> std::ws;
            std::getline(in, hex);
            expected.lines[kind].push_back(hex);
            continue;
        }
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
    core.dma_write = core.dma_read = 0;
    core.inner_read = 0;
    // The clock of all but DMA stands still meanwhile.
    const auto taken = [&core](uint64_t element) {
        const auto pause = core.pause, write = core.dma_write, read = core.dma_read;
        core.dma_write = core.dma_read = 0;
        core.pause = core.inner_read = 1;
        core.inner_address = element;
        for (int clk : {0, 1}) { core.clk = clk; core.eval(); }
        core.clk = core.inner_read = 0;
        core.pause = pause;
        core.dma_write = write;
        core.dma_read = read;
        return hex_of(core.inner_data, OFMAP_WORD);
    };
    for (int i = 0; i < 4; i++) { core.clk = 0; core.eval(); core.clk = 1; core.eval(); }
    core.rst = 0;
    uint64_t cycle = 0, quiet = 0, paused = 0;
    // What DMA brings to a shared memory and takes from it, a word a cycle; and what words of results are there.
    std::deque<const Event*> queue, leaving;
    std::map<uint64_t, std::string> held;
    uint64_t waits = 0, late = 0, left = 0, wrong = 0, lost = 0;
    auto offer = [&] {
        core.dma_write = !queue.empty();
        core.dma_read = queue.empty() && !leaving.empty();
        if (core.dma_read) core.dma_address = leaving.front()->number;
        if (queue.empty()) return;
        core.dma_address = queue.front()->number;
        put(core.dma_data, queue.front()->hex, IFMAP_WORD);
    };
    // Those of a tile that is said to be there are written while all else stands still.
    auto catch_up = [&] {
        core.pause = 1;
        for (; !queue.empty(); queue.pop_front(), late++) {
            core.clk = 0;
            offer();
            core.eval();
            core.clk = 1;
            core.eval();
        }
        core.pause = 0;
        core.clk = 0;
    };
    for (; cycle < limit && quiet < 64; cycle++) {
        core.clk = 0;
        // What a core that stands still was told it is told on.
        if (!core.pause) core.ifmap_arrives = core.weight_arrives = 0;
        core.pause = 0;
        while (next_event < events.size() && events[next_event].cycle <= cycle) {
            const Event& event = events[next_event++];
            if (event.kind == "ifmap" || event.kind == "weight") {
#if SHARED
                queue.push_back(&event);
#else
                if (event.kind == "weight") put(WEIGHT_MEMORY[event.number], event.hex, WEIGHT_WORD);
                else put(event.number % 2 ? IFMAP_ODD[event.number / 2] : IFMAP_EVEN[event.number / 2], event.hex, IFMAP_WORD);
#endif
                continue;
            }
            if (event.kind == "ofmap") { leaving.push_back(&event); continue; }
            if (event.kind.find("_tile") != std::string::npos && !queue.empty()) catch_up();
            if (event.kind == "bias") put(BIAS_MEMORY[event.number], event.hex, BIAS_WORD);
#ifdef TABLE_MEMORY
            else if (event.kind == "table") put(TABLE_MEMORY[event.number], event.hex, RESULT_BITS);
#endif
            else if (event.kind == "ifmap_tile") core.ifmap_arrives |= 1u << event.number;
            else if (event.kind == "weight_tile") core.weight_arrives |= 1u << event.number;
            else if (event.kind == "room") core.room = event.number;
            else if (event.kind == "pause") core.pause = 1;
            else if (event.kind == "leaves") {
                const uint64_t count = std::stoull(event.hex, nullptr, 16);
                const std::string word = taken(event.number);
                fprintf(log, "left %lu %lu %lu %s\n", cycle, event.number, count, word.c_str());
                expected.compare("left", std::to_string(event.number) + " " + std::to_string(count) + " " +
                                 lowest(word, count * RESULT_BITS));
            }
        }
        core.wave_valid = next_wave < waves.size();
        if (core.wave_valid) put(core.wave, waves[next_wave], WAVE_BITS);
        offer();
        core.eval();
        const bool leaves = core.dma_read && !core.dma_waits;
        const uint64_t from = core.dma_address;
        if ((core.dma_write || core.dma_read) && core.dma_waits) waits++;
        else if (core.dma_write) queue.pop_front();
        else if (leaves) leaving.pop_front();
        if (core.pause) {
            core.clk = 1;
            core.eval();
            paused++;
            continue;
        }
        const std::string worked = std::to_string(cycle + 1 - paused);
        if (core.step_starts) { fprintf(log, "start %lu\n", cycle + 1); expected.compare("start", worked); }
        if (core.step_ends) { fprintf(log, "end %lu\n", cycle + 1); expected.compare("end", worked); }
        if (core.step_drains) { fprintf(log, "drained %lu\n", cycle + 1); expected.compare("drained", worked); }
        ifmap_words += core.ifmap_reads;
        weight_words += core.weight_reads;
        products += ones(core.works, FILES);
        updates += ones(core.updates, FILES);
        operations += ones(core.operates, LANES) + (core.out_write && core.out_more ? core.out_count : 0);
        if ((core.first && ones(core.updates, FILES)) || (core.operates_first && ones(core.operates, LANES))) fprintf(log, "first %lu\n", cycle);
        ofmap_words += core.out_write + core.out_read + core.inner_reads;
        if (core.out_write && !core.out_wide) {
            const std::string word = hex_of(core.out_word, OFMAP_WORD), sums = hex_of(core.out_sums, OUT_SUM_BITS);
            const unsigned count = core.out_count;
            fprintf(log, "result %lu %u %u %s %s\n", cycle, core.out_to, count, word.c_str(), sums.c_str());
            expected.compare("result", std::to_string(core.out_to) + " " + std::to_string(count) + " " +
                             lowest(word, count * RESULT_BITS) + " " + lowest(sums, count * SUM_BITS));
        }
        // What was to leave and is written over is lost.
        const bool stores = SHARED && core.out_asks && core.out_write && !core.out_wide;
        const uint64_t to = core.out_to;
        const std::string stored = stores ? hex_of(core.out_word, OFMAP_WORD) : "";
        for (auto one = leaving.begin(); stores && one != leaving.end();)
            if ((*one)->number == to) { one = leaving.erase(one); lost++; } else ++one;
        if (core.wave_valid && core.wave_ready) next_wave++;
        quiet = core.idle && next_wave == waves.size() && next_event == events.size() && leaving.empty() ? quiet + 1 : 0;
        core.clk = 1;
        core.eval();
        if (leaves) { left++; wrong += held[from] != hex_of(core.dma_answer, OFMAP_WORD); }
        if (stores) held[to] = stored;
    }
    const std::vector<std::pair<std::string, uint64_t>> counts = {
        {"ifmap_words", ifmap_words}, {"weight_words", weight_words}, {"ofmap_words", ofmap_words},
        {"products", products}, {"updates", updates}, {"operations", operations},
    };
    for (const auto& [name, count] : counts) {
        fprintf(log, "count %s %lu\n", name.c_str(), count);
        expected.compare(name, std::to_string(count));
    }
    fprintf(log, "count cycles %lu\ncount dma_waits %lu\ncount late_words %lu\n", cycle, waits, late);
    fprintf(log, "count left_words %lu\ncount lost_words %lu\ncount wrong_words %lu\n", left, lost, wrong);
    fclose(log);
    if (expected.lines.empty()) return cycle < limit ? 0 : 3;
    expected.end();
    const size_t steps = expected.lines["start"].size(), words = expected.lines["result"].size();
    if (expected.wrong.empty()) printf("%s: equal (%zu steps, %zu words of results)\n", argv[1], steps, words);
    else printf("%s: differs: %s\n", argv[1], expected.wrong.c_str());
    return expected.wrong.empty() ? 0 : 1;
}
