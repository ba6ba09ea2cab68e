//! The image layout that a build leaves, read back.

use longshore::oci::Descriptor;
use longshore::oci::image::Image;
use longshore::oci::layout::Layout;
use longshore::oci::registry::Document;

use super::*;

/// What `build` lays out is read back as the same images, and serves as bases of a rehearsal.
#[test]
fn the_layout_has_what_was_made() {
    let server = registry();
    let project = project(&server, "");
    let layout = Layout::at(&project.folder().join("target/longshore/images"));
    let images = || -> Vec<Result<Image, String>> {
        let entries = layout.entries().unwrap().into_iter().map(|entry| entry.descriptor);
        let entries = entries.filter(|descriptor| descriptor.media_type == media::MANIFEST);
        let image = |one: Descriptor| layout.image(Document::new(media::MANIFEST, layout.read(one.digest).unwrap()));
        entries.map(image).collect()
    };
    must(&project, "longshore build -q");
    let lacking = images().into_iter().filter(Result::is_err).count();
    assert_eq!((images().len(), lacking), (2, 1), "the base's layers are at its registry");
    must(&project, "longshore build -q --base-layers");
    assert_eq!(images().into_iter().filter(Result::is_err).count(), 0);
    let name = layout.entries().unwrap()[0].name().unwrap().to_owned();
    let other = registry();
    base::from_layout(&other, &project.folder().join("target/longshore/images"), &name.parse().unwrap()).unwrap();
    assert_eq!(other.shown().len(), 1);
    let error = base::from_layout(&other, &project.folder(), &name.parse().unwrap()).unwrap_err();
    assert!(format!("{error:#}").contains("is not an image layout"), "{error:#}");
}
