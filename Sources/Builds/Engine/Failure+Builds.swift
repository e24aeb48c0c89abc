import Bytes

extension Failure.Reason {
  /// The stage to stop after isn't a stage of the build.
  package static let unknownStage = Failure.Reason("builds.unknown-stage")
  /// The work folder contains other files.
  package static let foreignWorkFolder = Failure.Reason("builds.foreign-work-folder")
  /// The work folder has another version's layout.
  package static let workFolderLayout = Failure.Reason("builds.work-folder-layout")
  /// The folder whose status was requested isn't a work folder.
  package static let noWorkFolder = Failure.Reason("builds.no-work-folder")
  /// The artifact's path is an existing folder.
  package static let artifactIsFolder = Failure.Reason("builds.artifact-is-folder")
}
