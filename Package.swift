// swift-tools-version: 6.2
import PackageDescription

/// The modules form a stack: each may import what stands above it, never what stands below.
/// `Bundle` is a product of its own: whoever only reads artifacts needs no BLAS and no model code.
let package = Package(
  name: "ctpack",
  products: [
    .executable(name: "ctpack", targets: ["ctpack"]),
    .library(name: "Bundle", targets: ["Bundle"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    .systemLibrary(
      name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(name: "CXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"])]),
    .target(
      name: "CKernels",
      // The folders whose headers others include.
      cSettings: [.define("_GNU_SOURCE")]
        + ["machine", "weights", "products", "few_rows", "gptq"].map {
          .headerSearchPath($0)
        }),

    .target(
      name: "Bytes",
      dependencies: [
        "CXXHash", .product(name: "Crypto", package: "swift-crypto"),
        .product(name: "SystemPackage", package: "swift-system"),
      ]),
    .target(name: "Bundle", dependencies: ["Bytes", "CZstd"]),
    .target(name: "Numerics", dependencies: ["Bytes", "CKernels", "COpenBLAS"]),
    .target(name: "Checkpoints", dependencies: ["Bytes", "Bundle", "Numerics"]),
    .target(
      name: "Text",
      dependencies: [
        "Bytes", "Checkpoints", .product(name: "HeapModule", package: "swift-collections"),
      ]),
    .target(name: "Models", dependencies: ["Bundle", "Numerics", "Checkpoints"]),
    .target(name: "Compression", dependencies: ["Models", "Numerics", "Bundle", "CKernels"]),
    .target(
      name: "Prompts", dependencies: ["Models", "Checkpoints", "Numerics", "Bundle", "Text"]),
    .target(name: "Evaluation", dependencies: ["Models", "Numerics", "Bundle", "Text"]),
    .target(
      name: "Pipeline",
      dependencies: [
        "Bytes", "Bundle", "Checkpoints", "Text", "Models", "Compression", "Prompts",
        "Evaluation", "Yams", .product(name: "Logging", package: "swift-log"),
      ]),
    .target(
      name: "Commands",
      dependencies: [
        "Pipeline", .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ]),
    .executableTarget(name: "ctpack", dependencies: ["Commands"]),

    .target(name: "TestSupport", dependencies: ["Bytes"], path: "Tests/Support"),
    .testTarget(name: "BytesTests", dependencies: ["Bytes", "TestSupport"]),
    .testTarget(name: "BundleTests", dependencies: ["Bundle", "TestSupport"]),
    .testTarget(name: "NumericsTests", dependencies: ["Numerics", "CKernels", "TestSupport"]),
    .testTarget(
      name: "CheckpointsTests", dependencies: ["Checkpoints", "TestSupport"],
      resources: [.copy("Golden")]),
    .testTarget(
      name: "TextTests", dependencies: ["Text", "TestSupport"], resources: [.copy("Golden")]),
    .testTarget(
      name: "ModelsTests", dependencies: ["Models", "TestSupport"], resources: [.copy("Golden")]),
    .target(
      name: "CompressionReference", dependencies: ["Compression"],
      path: "Tests/CompressionReference"),
    .testTarget(
      name: "CompressionTests",
      dependencies: ["Compression", "CompressionReference", "TestSupport"]),
    .testTarget(
      name: "PromptsTests", dependencies: ["Prompts", "TestSupport"], exclude: ["Golden"]),
    .testTarget(name: "EvaluationTests", dependencies: ["Evaluation", "TestSupport"]),
    .testTarget(name: "PipelineTests", dependencies: ["Pipeline", "TestSupport"]),
    .testTarget(
      name: "EndToEndTests", dependencies: ["Commands", "ctpack", "TestSupport"],
      path: "Tests/EndToEnd"),
    .target(name: "CRoofline", path: "Tests/Benchmarks/CRoofline"),
    .executableTarget(
      name: "ctpack-benchmarks",
      dependencies: [
        "Bytes", "Bundle", "Numerics", "Checkpoints", "Text", "Models", "Prompts", "Evaluation",
        "Pipeline", "CRoofline", "TestSupport",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "Tests/Benchmarks",
      exclude: [
        "peers", "run", "CRoofline", "smollm2-4bit.yaml", "adapter_table.py", "adapter-table.json",
        "compression_table.py", "compression-table.json", "prompt_study.py", "prompt-study.json",
        "transfer_matrix.py", "transfer-matrix.json",
      ]),
  ]
)

for target in package.targets where target.type != .system {
  target.swiftSettings = [
    .swiftLanguageMode(.v6), .strictMemorySafety(), .treatAllWarnings(as: .error),
  ]
}
