import Bytes

extension Failure.Reason {
  /// The stage to stop after is none of the build's.
  package static let unknownStage = Failure.Reason("builds.unknown-stage")
  /// The folder holds something else than a build.
  package static let foreignWorkFolder = Failure.Reason("builds.foreign-work-folder")
  /// The folder holds a build in another version's layout.
  package static let workFolderLayout = Failure.Reason("builds.work-folder-layout")
  /// The folder whose state is asked for holds no build.
  package static let noWorkFolder = Failure.Reason("builds.no-work-folder")
  /// The place for the artifact is a folder.
  package static let artifactIsFolder = Failure.Reason("builds.artifact-is-folder")
}
