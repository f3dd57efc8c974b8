// SPDX-License-Identifier: MIT
// The types of CLI11 that headers name. Its own header takes a compiler seconds, so only who declares options includes
// it.
#pragma once

namespace CLI {
class App;
class Option;
}  // namespace CLI
