// swift-tools-version: 6.2
import PackageDescription

/// The package's targets, from the lowest layer to the highest: a target imports only what it declares,
/// and declares only targets listed before it. `BundleFormat` is a separate product, so that reading
/// artifacts needs neither BLAS nor model code; it includes `Bytes`, whose types its interface uses.
let package = Package(
  name: "ctpack",
  products: [
    .executable(name: "ctpack", targets: ["ctpack"]),
    .library(name: "BundleFormat", targets: ["BundleFormat", "Bytes"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    .package(url: "https://github.com/apple/swift-asn1", exact: "1.7.4"),
    .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
    .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
    .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
    .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
  ],
  targets: [
    .systemLibrary(
      name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(name: "CXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"])]),
    .target(name: "CProcess", cSettings: [.define("_GNU_SOURCE")]),
    .target(name: "CThreads", cSettings: [.define("_GNU_SOURCE")]),
    .target(name: "CFileAttributes"),
    .target(
      name: "CKernels", dependencies: ["CThreads"], exclude: ["decode/README.md"],
      // Folders with headers that other folders include.
      cSettings: [.define("_GNU_SOURCE")]
        + ["machine", "weights", "products", "decode", "gptq"].map {
          .headerSearchPath($0)
        }),

    .target(
      name: "Bytes",
      dependencies: [
        "CThreads", "CXXHash", "CFileAttributes", .product(name: "Crypto", package: "swift-crypto"),
        .product(name: "SwiftASN1", package: "swift-asn1"),
      ]),
    .target(name: "RecipeFields", dependencies: ["Bytes"]),
    .target(name: "Builds", dependencies: ["Bytes"]),
    .target(name: "BundleFormat", dependencies: ["Bytes", "CZstd"]),
    .target(name: "Numerics", dependencies: ["Bytes", "CKernels", "COpenBLAS"]),
    .target(name: "Checkpoints", dependencies: ["Bytes", "BundleFormat", "Numerics"]),
    .target(
      name: "Text",
      dependencies: [
        "Bytes", "Checkpoints", .product(name: "HeapModule", package: "swift-collections"),
      ]),
    .target(name: "Models", dependencies: ["Bytes", "BundleFormat", "Numerics", "Checkpoints"]),
    .target(
      name: "Compression",
      dependencies: [
        "Bytes", "RecipeFields", "BundleFormat", "CKernels", "Numerics", "Checkpoints", "Models",
      ]),
    .target(
      name: "Prompts",
      dependencies: [
        "Bytes", "RecipeFields", "BundleFormat", "Numerics", "Checkpoints", "Models",
      ]),
    .target(name: "Evaluation", dependencies: ["Bytes", "BundleFormat", "Numerics", "Models"]),
    .target(
      name: "Routing",
      dependencies: ["Bytes", "BundleFormat", "Numerics", "Checkpoints", "Models", "Evaluation"]),
    .target(
      name: "Pipeline",
      dependencies: [
        "Bytes", "RecipeFields", "Builds", "BundleFormat", "Numerics", "Checkpoints", "Text",
        "Models", "Compression", "Prompts", "Evaluation", "Routing", "Yams",
      ]),
    .target(
      name: "Commands",
      dependencies: [
        "CProcess", "Bytes", "RecipeFields", "Builds", "BundleFormat", "Numerics", "Checkpoints",
        "Text",
        "Models", "Prompts", "Evaluation", "Routing", "Pipeline",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ]),
    .executableTarget(name: "ctpack", dependencies: ["Commands"]),

    .target(name: "TestSupport", dependencies: ["Bytes"], path: "Tests/Support"),
    .testTarget(name: "BytesTests", dependencies: ["CFileAttributes", "Bytes", "TestSupport"]),
    .testTarget(name: "BuildsTests", dependencies: ["Bytes", "Builds", "TestSupport"]),
    .testTarget(
      name: "BundleFormatTests", dependencies: ["Bytes", "BundleFormat", "TestSupport"],
      exclude: ["Golden"]),
    .testTarget(
      name: "NumericsTests", dependencies: ["Bytes", "CKernels", "Numerics", "TestSupport"]),
    .testTarget(
      name: "CheckpointsTests", dependencies: ["Bytes", "Numerics", "Checkpoints", "TestSupport"],
      resources: [.copy("Golden")]),
    .testTarget(
      name: "TextTests", dependencies: ["Bytes", "Checkpoints", "Text", "TestSupport"],
      resources: [.copy("Golden")]),
    .target(
      name: "ModelSupport",
      dependencies: ["Bytes", "BundleFormat", "Numerics", "Checkpoints", "Models", "TestSupport"],
      path: "Tests/ModelSupport"),
    .testTarget(
      name: "ModelsTests",
      dependencies: [
        "Bytes", "BundleFormat", "Numerics", "Checkpoints", "Models", "ModelSupport", "TestSupport",
      ],
      resources: [.copy("Golden")]),
    .target(
      name: "CompressionReference", dependencies: ["Compression", "TestSupport"],
      path: "Tests/CompressionReference"),
    .testTarget(
      name: "CompressionTests",
      dependencies: [
        "Bytes", "BundleFormat", "Numerics", "Checkpoints", "Models", "Compression",
        "CompressionReference", "TestSupport",
      ]),
    .testTarget(
      name: "PromptsTests",
      dependencies: [
        "Bytes", "BundleFormat", "Numerics", "Checkpoints", "Models", "Prompts", "TestSupport",
      ],
      exclude: ["Golden"]),
    .testTarget(
      name: "EvaluationTests",
      dependencies: [
        "Bytes", "BundleFormat", "Numerics", "Checkpoints", "Models", "Evaluation", "TestSupport",
      ]),
    .testTarget(
      name: "RoutingTests",
      dependencies: [
        "Bytes", "BundleFormat", "Numerics", "Checkpoints", "Models", "Evaluation", "Routing",
        "ModelSupport", "TestSupport",
      ]),
    .testTarget(
      name: "PipelineTests",
      dependencies: [
        "Bytes", "RecipeFields", "Builds", "BundleFormat", "Compression", "Prompts", "Evaluation",
        "Pipeline", "TestSupport", "Yams",
      ],
      exclude: ["Golden"]),
    .testTarget(
      name: "EndToEndTests", dependencies: ["Bytes", "BundleFormat", "ctpack", "TestSupport"],
      path: "Tests/EndToEnd", exclude: ["Expected"]),
    .target(name: "CRoofline", path: "Tests/Benchmarks/CRoofline"),
    .executableTarget(
      name: "ctpack-benchmarks",
      dependencies: [
        "Bytes", "BundleFormat", "Numerics", "Checkpoints", "Text", "Models", "Prompts",
        "Evaluation", "Routing", "Pipeline", "CRoofline", "TestSupport",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "Tests/Benchmarks",
      exclude: [
        "README.md", "CRoofline", "Results", "peers", "smollm2-4bit.yaml", "studies", "study.py",
      ]),
  ]
)

// C targets check the bounds of what the C library copies, which needs an optimised build.
for target in package.targets where ["CProcess", "CThreads", "CKernels"].contains(target.name) {
  target.cSettings? += [.define("_FORTIFY_SOURCE", to: "2", .when(configuration: .release))]
}

// The fuzz targets (Tests/Fuzz) and what they drive, instrumented for coverage: `make fuzz`.
let isFuzzing = Context.environment["CTPACK_FUZZ"] == "1"
if isFuzzing {
  package.products.append(.executable(name: "ctpack-fuzz", targets: ["ctpack-fuzz"]))
  package.targets.append(
    .executableTarget(
      name: "ctpack-fuzz",
      dependencies: [
        "Bytes", "BundleFormat", "Numerics", "Checkpoints", "Text", "Prompts", "Evaluation",
        "Pipeline",
      ],
      path: "Tests/Fuzz", exclude: ["Corpus", "Dictionaries", "fuzz", "task_seeds.py"]))
}

for target in package.targets where target.type != .system {
  target.swiftSettings = [
    .swiftLanguageMode(.v6), .strictMemorySafety(), .treatAllWarnings(as: .error),
  ]
  if isFuzzing { target.swiftSettings?.append(.unsafeFlags(["-sanitize=fuzzer"])) }
}
