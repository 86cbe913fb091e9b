//! What a user of `casement` can rely on, held by real programs in real containers. One module per topic.

mod versions;
