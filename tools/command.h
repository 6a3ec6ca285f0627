// What the files of the commands share. Each command is one file, cmd_NAME.cc, with one function RegisterNAME that adds
// a subcommand whose callback runs the command and leaves its exit code in the context. main.cc lists the functions;
// nothing else connects them.
#pragma once

#include <string>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "tools/stderr_log.h"

namespace tools {

// The exit codes of `sluice` (tools/README.md).
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitInvalid = 3;
inline constexpr int kExitInterrupted = 4;
inline constexpr int kExitRefused = 5;
inline constexpr int kExitPaused = 6;

// Lives as long as the program.
struct Context {
  StderrLog log;
  int exit_code = kExitOk;  // What the command's callback leaves behind.
  std::string config;       // --config
  std::string state;        // --state
};

// Options that many commands have. A command takes those that mean something to it.
void AddLogLevelOption(CLI::App& command, Context& context);  // --log-level
void AddEngineOptions(CLI::App& command, Context& context);   // --config, --state, and --log-level

// The text below the options in --help: the command's example.
void SetExample(CLI::App& command, const std::string& example);

// Writes "sluice: MESSAGE" to standard error, once per line of the message, and returns `exit_code`.
int Fail(StderrLog& log, const absl::Status& status, int exit_code);

void RegisterBench(CLI::App& app, Context& context);
void RegisterBenchFlood(CLI::App& app, Context& context);
void RegisterBenchSink(CLI::App& app, Context& context);
void RegisterCancel(CLI::App& app, Context& context);
void RegisterCheck(CLI::App& app, Context& context);
void RegisterConfig(CLI::App& app, Context& context);
void RegisterEvents(CLI::App& app, Context& context);
void RegisterKeygen(CLI::App& app, Context& context);
void RegisterLedger(CLI::App& app, Context& context);
void RegisterPause(CLI::App& app, Context& context);
void RegisterPlan(CLI::App& app, Context& context);
void RegisterRemainder(CLI::App& app, Context& context);
void RegisterRender(CLI::App& app, Context& context);
void RegisterReport(CLI::App& app, Context& context);
void RegisterResume(CLI::App& app, Context& context);
void RegisterSandbox(CLI::App& app, Context& context);
void RegisterSeal(CLI::App& app, Context& context);
void RegisterSend(CLI::App& app, Context& context);
void RegisterSink(CLI::App& app, Context& context);
void RegisterStatus(CLI::App& app, Context& context);
void RegisterSuppress(CLI::App& app, Context& context);
void RegisterToken(CLI::App& app, Context& context);

}  // namespace tools
