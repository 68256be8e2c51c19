"""Reading and writing video, tracking, `.pose` files, overlays and privacy. The only room that runs a tracker."""
