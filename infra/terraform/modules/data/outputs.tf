output "table_names" {
  description = "Names of the tables, by their names in infra/topology.json."
  value       = { for key, table in aws_dynamodb_table.this : key => table.name }
}

output "table_arns" {
  description = "ARNs of the tables, by their names in infra/topology.json."
  value       = { for key, table in aws_dynamodb_table.this : key => table.arn }
}

output "bucket_names" {
  description = "Names of the buckets, by their names in infra/topology.json."
  value       = { for key, bucket in aws_s3_bucket.this : key => bucket.bucket }
}

output "bucket_arns" {
  description = "ARNs of the buckets, by their names in infra/topology.json."
  value       = { for key, bucket in aws_s3_bucket.this : key => bucket.arn }
}
